# Gateway, and the client for "helm test": docker build -f docker/api.Dockerfile -t epitaxy/api:0.1.0 .
ARG PYTHON=python:3.11.14-slim-bookworm
FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/epitaxy
COPY pyproject.toml README.md LICENSE ./
COPY services services
COPY models models
RUN /opt/epitaxy/bin/pip install ".[client,gateway]"

FROM ${PYTHON}
ENV PATH=/opt/epitaxy/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --uid 10001 --user-group --no-create-home epitaxy
COPY --from=build /opt/epitaxy /opt/epitaxy
USER 10001:10001
EXPOSE 50051 9464
CMD ["python", "-m", "epitaxy.gateway"]
