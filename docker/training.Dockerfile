# Ray nodes of fine-tunes and pretraining, the fine-tune API, and GPU workers of the prediction service:
#   docker build -f docker/training.Dockerfile -t epitaxy/training:0.1.0 .
# The default index brings CUDA; for CPUs add --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG PYTHON=python:3.11.14-slim-bookworm
FROM ${PYTHON} AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cu126
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/epitaxy && /opt/epitaxy/bin/pip install torch==2.13.0 --index-url "${TORCH_INDEX}"
COPY pyproject.toml README.md LICENSE ./
COPY services services
COPY models models
RUN /opt/epitaxy/bin/pip install ".[finetune,training,postgres,s3]"

FROM ${PYTHON}
ENV PATH=/opt/epitaxy/bin:$PATH PYTHONUNBUFFERED=1 RAY_USAGE_STATS_ENABLED=0
RUN apt-get update && apt-get install -y --no-install-recommends wget=1.21.3-1+deb12u1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home epitaxy
COPY --from=build /opt/epitaxy /opt/epitaxy
USER 10001:10001
EXPOSE 50061 9465
CMD ["python", "-m", "epitaxy.finetune"]
