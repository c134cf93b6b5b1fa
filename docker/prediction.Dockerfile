# Ray nodes of the prediction service on CPUs, weights inside:
#   docker build -f docker/prediction.Dockerfile -t epitaxy/prediction:0.1.0 .
ARG PYTHON=python:3.11.14-slim-bookworm
FROM ${PYTHON} AS build
# The CPU wheel alone: the default one brings gigabytes of CUDA.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/epitaxy && /opt/epitaxy/bin/pip install torch==2.13.0 --index-url "${TORCH_INDEX}"
COPY pyproject.toml README.md LICENSE ./
COPY services services
COPY models models
RUN /opt/epitaxy/bin/pip install ".[prediction,s3]"

FROM ${PYTHON}
ENV PATH=/opt/epitaxy/bin:$PATH PYTHONUNBUFFERED=1 RAY_USAGE_STATS_ENABLED=0
# KubeRay looks at the health of a node with wget.
RUN apt-get update && apt-get install -y --no-install-recommends wget=1.21.3-1+deb12u1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home epitaxy
COPY --from=build /opt/epitaxy /opt/epitaxy
USER 10001:10001
CMD ["python", "-c", "import epitaxy.prediction.app"]
