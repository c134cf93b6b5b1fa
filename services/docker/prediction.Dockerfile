# Ray nodes of the prediction service, weights inside:
#   docker build -f services/docker/prediction.Dockerfile -t epitaxy/prediction:0.1.0 .
# and for nodes with GPUs, gigabytes larger:
#   docker build -f services/docker/prediction.Dockerfile -t epitaxy/prediction-gpu:0.1.0 . \
#     --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu126
# Other weights come by volume: prediction.weightsClaim in the chart.
ARG PYTHON=python:3.11.14-slim-bookworm
FROM ${PYTHON} AS build
# The CPU wheel: the default one brings CUDA.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/epitaxy && /opt/epitaxy/bin/pip install torch==2.13.0 --index-url "${TORCH_INDEX}"
COPY pyproject.toml README.md LICENSE ./
COPY services services
COPY models models
COPY protos protos
# Exactly what `make lock` wrote, and nothing that a mirror or an index has exchanged since.
COPY services/docker/locks/prediction.txt ./
RUN /opt/epitaxy/bin/pip install --no-deps --require-hashes -r prediction.txt \
 && /opt/epitaxy/bin/pip install ".[prediction,s3]" --no-deps

FROM ${PYTHON}
ENV PATH=/opt/epitaxy/bin:$PATH PYTHONUNBUFFERED=1 RAY_USAGE_STATS_ENABLED=0
RUN useradd --uid 10001 --user-group --no-create-home epitaxy
COPY --from=build /opt/epitaxy /opt/epitaxy
USER 10001:10001
# KubeRay writes the real command, `ray start`; without it the image says whether it is whole.
CMD ["python", "-c", "from epitaxy.prediction.app import build_application; build_application()"]
