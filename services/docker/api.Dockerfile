# The gateway, the fine-tune API, the chart's hooks and its test: everything without torch.
#   docker build -f services/docker/api.Dockerfile -t epitaxy/api:0.1.0 .
# Any image with Python 3.11 will do as a base: --build-arg PYTHON=...
ARG PYTHON=python:3.11.14-slim-bookworm
FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/epitaxy
COPY pyproject.toml README.md LICENSE ./
COPY services services
COPY models models
COPY protos protos
# Exactly what `make lock` wrote, and nothing that a mirror or an index has exchanged since.
COPY services/docker/locks/api.txt ./
RUN /opt/epitaxy/bin/pip install --no-deps --require-hashes -r api.txt \
 && /opt/epitaxy/bin/pip install ".[finetune-api,oidc,postgres,s3]" --no-deps

FROM ${PYTHON}
ENV PATH=/opt/epitaxy/bin:$PATH PYTHONUNBUFFERED=1 RAY_USAGE_STATS_ENABLED=0
RUN useradd --uid 10001 --user-group --no-create-home epitaxy
COPY --from=build /opt/epitaxy /opt/epitaxy
USER 10001:10001
EXPOSE 50051 50061 9464 9465
CMD ["python", "-m", "epitaxy.gateway"]
