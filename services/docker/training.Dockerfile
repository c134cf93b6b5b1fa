# Ray nodes of fine-tunes and pretraining:
#   docker build -f services/docker/training.Dockerfile -t epitaxy/training:0.1.0 .
# Brings CUDA; for CPUs add --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG PYTHON=python:3.11.14-slim-bookworm
FROM ${PYTHON} AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cu126
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/epitaxy && /opt/epitaxy/bin/pip install torch==2.13.0 --index-url "${TORCH_INDEX}"
COPY pyproject.toml README.md LICENSE ./
COPY services services
COPY models models
COPY protos protos
# Exactly what `make lock` wrote, and nothing that a mirror or an index has exchanged since.
COPY services/docker/locks/training.txt ./
RUN /opt/epitaxy/bin/pip install --no-deps --require-hashes -r training.txt \
 && /opt/epitaxy/bin/pip install ".[finetune,training,postgres,qdrant,s3]" --no-deps

FROM ${PYTHON}
ENV PATH=/opt/epitaxy/bin:$PATH PYTHONUNBUFFERED=1 RAY_USAGE_STATS_ENABLED=0
RUN useradd --uid 10001 --user-group --no-create-home epitaxy
COPY --from=build /opt/epitaxy /opt/epitaxy
USER 10001:10001
# KubeRay writes the real command, `ray start`; without it the image serves the fine-tune API with a Ray of its own.
CMD ["python", "-m", "epitaxy.finetune"]
