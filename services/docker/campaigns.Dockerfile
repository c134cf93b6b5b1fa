# The campaign service: torch for CPUs and BoTorch, no Ray and no MLflow.
#   docker build -f services/docker/campaigns.Dockerfile -t epitaxy/campaigns:0.1.0 .
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
COPY services/docker/locks/campaigns.txt ./
RUN /opt/epitaxy/bin/pip install --no-deps --require-hashes -r campaigns.txt \
 && /opt/epitaxy/bin/pip install ".[campaign-service,postgres,s3]" --no-deps
# Stops the build if a part is missing, or if a planner would compile C++ when it is first asked: there is no compiler here.
RUN /opt/epitaxy/bin/python -m epitaxy.campaigns --help && /opt/epitaxy/bin/python -c "import epitaxy_models.campaigns"

FROM ${PYTHON}
ENV PATH=/opt/epitaxy/bin:$PATH PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1
RUN useradd --uid 10001 --user-group --no-create-home epitaxy
COPY --from=build /opt/epitaxy /opt/epitaxy
USER 10001:10001
EXPOSE 50071 9466
CMD ["python", "-m", "epitaxy.campaigns"]
