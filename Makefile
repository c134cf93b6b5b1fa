# The index of what can be done here: `make help`.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
# Extra arguments for pip, such as a wheel folder or a CPU index for torch.
PIP_ARGS ?=
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar off $(PIP_ARGS)
comma := ,
# uv takes a tenth of pip's time for some 200 packages; it knows no pip options, so with PIP_ARGS, and where it fails, pip does it.
INSTALL = $(if $(PIP_ARGS),$(PIP) $(1),{ $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $(1) || $(PIP) $(1); })
# Installed first and by the exact version of pyproject.toml: another one may bring a CUDA build of several gigabytes.
TORCH := $(shell sed -n 's/^ *"\(torch==[^"]*\)",$$/\1/p' pyproject.toml)

export RAY_USAGE_STATS_ENABLED = 0

.DEFAULT_GOAL := help
.PHONY: help install install-dev redis prometheus kernels demo test calm-tests watchful-tests stack-tests test-fast test-deploy test-pods test-pretraining fuzz audit lock check check-protos contract format generate check-generated structure check-structure reference check-reference serve golden clean pictures bench loadtest growth disk-growth performance soak \
        dashboards chart-readme chart-package sbom pictures-dashboards pretrain pretrain-small auxiliary-labels publish retire source-index fidelity-models scaling bench-transfer bench-uncertainty bench-campaigns bench-memory

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || { echo "no venv: install python3-venv (Debian, Ubuntu), then run make again"; exit 1; }

$(VENV)/.torch: | $(BIN)/python
	@echo "install: torch (CPU wheel where one is offered), then the other packages; some minutes the first time"
	$(PIP) "$(TORCH)" uv
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.torch
	$(call INSTALL,-e '.[campaign-service$(comma)client$(comma)data$(comma)finetune]')
	$(BIN)/python -m epitaxy_models.warmup
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.torch
	$(call INSTALL,-e '.[dev]')
	@touch $@

install: $(VENV)/.installed ## Make .venv and install what serving needs

install-dev: $(VENV)/.installed-dev ## Make .venv and install what development needs

redis:
	@tools/ensure_redis.sh

prometheus:
	@tools/ensure_prometheus.sh

demo: $(VENV)/.installed ## Start the local stack, screen the bundled crystals, print a ranked table, stop
	@$(BIN)/epitaxy demo

serve: $(VENV)/.installed ## Run the local stack in the foreground
	@$(BIN)/epitaxy serve

kernels: install-dev
	$(BIN)/python -m epitaxy_models.warmup

CALM_TESTS := $(addprefix tests/unit/,docs loadtest models protos structure) tests/fuzz tests/golden tests/deploy tests/integration/datasets \
  $(addprefix tests/unit/services/,capacity cli datasets finetune measurements pretraining registry vectors)
WATCHFUL_TESTS := $(filter-out $(CALM_TESTS) tests/unit/services %.py %__pycache__,$(wildcard tests/unit/* tests/unit/services/*)) \
  tests/contract $(addprefix tests/integration/,finetune prediction)
# Tests of calm folders that watch clocks.
WATCHFUL_FILES := tests/unit/services/cli/screen/test_resume.py tests/integration/datasets/test_fetch_optimade.py
STACK_TESTS := tests/deploy/observability/test_expressions.py tests/integration/pretraining/test_molecule_substrate.py \
  $(addprefix tests/integration/,campaigns screening stack tenants)
PYTEST := $(BIN)/python -m pytest -q --durations 15 --durations-min 5
# A test that watches a clock or starts the stack may lose against other load: it is tried once more and named.
# Such a test is still to be repaired.
SECOND_TRY := --reruns 1 --reruns-delay 3 -r fEsxXR
# Two lanes, each with its output in one piece at the end of each part. What only takes time gives way to what watches
# clocks and to what starts the stack, of which there is one at a time.
test: install-dev redis prometheus ## Everything that CI runs
	@$(MAKE) --no-print-directory -j2 --output-sync=target stack-tests calm-tests

calm-tests: kernels check check-generated
	OMP_NUM_THREADS=1 nice -n 10 $(PYTEST) -n 2 --dist loadfile -m "not stack and not pretraining" $(CALM_TESTS) $(addprefix --ignore ,$(WATCHFUL_FILES))

watchful-tests: kernels
	OMP_NUM_THREADS=1 $(PYTEST) $(SECOND_TRY) -n 2 --dist loadfile $(WATCHFUL_TESTS) $(WATCHFUL_FILES)

stack-tests: watchful-tests
	$(PYTEST) $(SECOND_TRY) $(STACK_TESTS)

test-deploy: install-dev prometheus ## The chart, images, rules and dashboards (without the running stack)
	$(PYTEST) -m "not stack" tests/deploy

test-pods: install-dev redis ## The whole product in pods without a cluster: prediction and fine-tune (root; 4 minutes on two quiet cores)
	EPITAXY_PODS_WITH_RAY=1 $(PYTEST) tests/deploy/pods/test_pods_with_ray.py

test-pretraining: install-dev ## Training through Ray Train, workers killed (5 to 7 minutes)
	$(PYTEST) -m pretraining

test-fast: kernels ## Tests that start no Ray
	$(PYTEST) -m "not stack and not pretraining"

fuzz: install-dev ## Every parser under changed inputs, led by coverage (SECONDS=30 each; ARGS="--only cif"); finds go to tests/fuzz/corpus
	-@$(PIP) atheris
	PYTHONPATH=tests $(BIN)/python -m fuzz --seconds $(or $(SECONDS),30) $(ARGS)

check: install-dev check-protos ## Lint, format, types, import contracts, protos
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: install-dev ## Format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: install-dev ## Regenerate the stubs from protos/ and the blocking client from the one for asyncio
	$(BIN)/python tools/generate_stubs.py
	$(BIN)/python tools/generate_client.py

check-protos: install-dev
	cd protos && ../$(BIN)/buf lint && ../$(BIN)/buf breaking --against contract.binpb

contract: install-dev ## Record the public protos after an additive change; refuses a change that breaks callers
	cd protos && ../$(BIN)/buf breaking --against contract.binpb && ../$(BIN)/buf build --exclude-source-info -o contract.binpb

check-generated: install-dev check-structure check-reference
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	$(BIN)/python tools/generate_stubs.py "$$scratch/api" && \
	diff -r -x __pycache__ services/epitaxy/api "$$scratch/api" || \
	{ echo "services/epitaxy/api differs from protos/: run make generate"; exit 1; }
	$(BIN)/python tools/generate_client.py --check

dashboards: install-dev ## Write the chart's dashboards again from tools/dashboards
	$(BIN)/python -m tools.dashboards

chart-readme: install-dev ## Write the chart's README again from values.yaml
	$(BIN)/python -m tools.chart.readme

chart-package: install-dev ## The chart as .tgz, OCI layout and statement of provenance in dist/ (KEY=identity KEYRING=file: signed)
	$(BIN)/python -m tools.chart.package --out dist $(if $(KEY),--key "$(KEY)" --keyring "$(KEYRING)")

lock: install-dev ## Lock what the images install, by version and hashes (ARGS="--out DIR"; an earlier lock is kept to)
	$(BIN)/python -m tools.chart.locks $(ARGS)

AUDIT := $(BIN)/uv tool run --from 'pip-audit>=2.9,<3' pip-audit --strict --disable-pip
audit: install-dev ## Known vulnerabilities of what the images install (needs the network; fails if one cannot be looked up)
	for lock in services/docker/locks/*.txt; do echo "$$lock"; $(AUDIT) --require-hashes -r "$$lock" || exit 1; done
	$(AUDIT) --no-deps -r <(echo "$(TORCH)")

sbom: install-dev ## Bills of materials of the images in dist/, with licences (CycloneDX)
	$(BIN)/python -m tools.chart.sbom --out dist

pictures-dashboards: install-dev prometheus ## Draw the dashboards from a running stack under a small load
	$(BIN)/python -m tools.dashboards.pictures

structure: install-dev ## Draw the rooms of the code and their imports into docs/architecture.md
	$(BIN)/python -m tools.structure

check-structure: install-dev
	$(BIN)/python -m tools.structure --check

reference: install-dev ## Write docs/reference from the client's docstrings and the command's help
	$(BIN)/python -m tools.reference

check-reference: install-dev
	$(BIN)/python -m tools.reference --check

golden: install-dev ## Record the golden predictions of the shipped model again
	$(BIN)/python tests/golden/record.py

pictures: install-dev ## Draw the README's pictures from the last demo's result
	$(BIN)/python tools/render_pictures.py demo-results.parquet .epitaxy/demo/crystals/measurements.csv

bench: install-dev redis ## This product and its peers side by side, stages, served and in process (PARQUET=file; ARGS=--write-docs)
	$(BIN)/python -m loadtest.bench $(if $(PARQUET),--parquet "$(PARQUET)") $(ARGS)

SCENARIO ?= loadtest/scenarios/steady.yaml
loadtest: install-dev redis ## Load with thresholds that fail (SCENARIO=file; PARQUET=file; ARGS="--target HOST:PORT --scale 0.1")
	$(BIN)/python -m loadtest.scenario "$(SCENARIO)" $(if $(PARQUET),--parquet "$(PARQUET)") $(ARGS)

growth: install-dev redis ## How cost grows with atoms, messages, members, replicas, index (ARGS="--write-costs --write-docs")
	$(BIN)/python -m loadtest.growth $(if $(PARQUET),--parquet "$(PARQUET)") $(ARGS)

soak: install-dev redis ## Half an hour of mixed load with random kills: nothing lost, wrong or growing (ARGS="--minutes 3")
	$(BIN)/python -m loadtest.soak $(ARGS)

disk-growth: install-dev redis ## Disk that a stack takes in 30 days, beside models and jobs, by some minutes (ARGS="--minutes 5")
	$(BIN)/python -m loadtest.disk_growth $(ARGS)

performance: install-dev redis ## All figures of docs/performance.md and the README again (PARQUET=file; quarter of an hour, alone)
	$(BIN)/python -m loadtest.bench $(if $(PARQUET),--parquet "$(PARQUET)") --write-docs
	$(BIN)/python -m loadtest.training_speed $(if $(PARQUET),--parquet "$(PARQUET)") --write-docs
	$(BIN)/python -m loadtest.growth $(if $(PARQUET),--parquet "$(PARQUET)") --write-costs --write-docs

# The shipped ensemble: DATA is a Parquet with structures and labels, WORK a folder for graphs and checkpoints.
EPOCHS ?= 16
# Second stage: AUX=density,mass,coordination,stiffness,strain RATE=0.0013 DECAY=0.75 START=checkpoint of the first.
pretrain: install-dev ## Train the members (DATA=mp.parquet WORK=dir MEMBERS=0,1,2,3,4); run again to resume
	$(BIN)/python -m epitaxy_models.training --data "$(DATA)" --work "$(WORK)" --members "$(or $(MEMBERS),0,1,2,3,4)" \
	  --epochs $(EPOCHS) --peak-rate $(or $(RATE),0.002) --decay-share $(or $(DECAY),0.5) --auxiliary "$(AUX)" --start-from "$(START)" --class-weights "$(CLASSES)"

auxiliary-labels: install-dev ## Add auxiliary labels and stretched copies (DATA=mp.parquet MODULI=kvrh.parquet OUT=file)
	$(BIN)/python -m epitaxy_models.data.auxiliary "$(DATA)" "$(OUT)" $(if $(MORE),--and $(MORE)) --moduli "$(MODULI)" --stretched 0.125 --no-symmetry

pretrain-small: install-dev ## Pretrain tiny networks on computed labels through Ray Train, one a kind of material: a smoke test of three minutes
	@mkdir -p .epitaxy/pretrain-small
	$(BIN)/python -m epitaxy_models.data.synthetic_labels .epitaxy/pretrain-small/crystals.parquet
	$(BIN)/epitaxy pretrain --config models/configs/pretrain-small.yaml
	for kind in molecule composition; do \
	  column=$$([ $$kind = molecule ] && echo smiles || echo composition); \
	  labels=$$([ $$kind = molecule ] && echo partition refractivity || echo wave ripple); \
	  $(BIN)/python -m epitaxy_models.data.synthetic_materials $${kind}s .epitaxy/pretrain-small/$$kind.csv && \
	  $(BIN)/epitaxy data convert .epitaxy/pretrain-small/$$kind.csv --$$column-column $$column \
	    $$(for label in $$labels; do echo --unit $$label=dimensionless; done) --out .epitaxy/pretrain-small/$${kind}s.parquet && \
	  $(BIN)/epitaxy pretrain --config models/configs/pretrain-small-$$kind.yaml --publish .epitaxy/pretrain-small/substrate-$$kind || exit 1; \
	done

scaling: install-dev ## One worker against two at the same global batch (PARQUET=file for other structures)
	$(BIN)/python -m loadtest.scaling $(if $(PARQUET),--parquet "$(PARQUET)")

source-index: install-dev ## Index the training corpus of the shipped model (DATA=mp.parquet WORK=dir PROCESSES=2)
	OMP_NUM_THREADS=1 $(BIN)/python -m epitaxy_models.source_index --data "$(DATA)" --work "$(WORK)" --processes $(or $(PROCESSES),1)

fidelity-models: install-dev ## Fit the heads of HSE, GLLB-SC and SCAN gaps on the shipped model (DATA=mp_multifidelity_gap.parquet; a minute)
	$(BIN)/python -m epitaxy_models.transfer.fidelities --data "$(or $(DATA),../shared/data/mp_multifidelity_gap.parquet)"

bench-memory: install-dev ## Memory and processor time of a screening from 10^5 to 10^6 inputs, against a server that replays (ARGS="--rows 10000000")
	$(BIN)/python -m loadtest.bench.memory $(ARGS)

bench-transfer: install-dev ## Learning curves on real targets (DATA=folder; QUICK=1; NETWORKS=scratch_network: an hour or more); run again to resume
	$(BIN)/python -m loadtest.transfer --data "$(or $(DATA),../shared/data)" $(if $(QUICK),--quick) $(if $(NETWORKS),--networks $(NETWORKS))

bench-uncertainty: install-dev ## Coverage, domain verdicts and explanations against their goals (DATA=folder; SEEDS=5; BEFORE=folder of a model); run again to resume
	$(BIN)/python -m loadtest.uncertainty --data "$(or $(DATA),../shared/data)" --seeds $(or $(SEEDS),5) $(if $(BEFORE),--before "$(BEFORE)")
	$(BIN)/python -m loadtest.faithfulness --data "$(or $(DATA),../shared/data)" --out scratch/uncertainty/faithfulness.json

bench-campaigns: install-dev ## Campaigns on finished data sets against their goals, and what a round costs (DATA=folder; ARGS=--write-docs); run again to resume
	OMP_NUM_THREADS=1 $(BIN)/python -m loadtest.campaigns --data "$(or $(DATA),../shared/data)" $(ARGS)

retire: install-dev ## Keep the shipped model as an earlier version, for tenants' models on it; before `make publish`
	$(BIN)/python -m epitaxy_models.training.retire

# One thread of BLAS: more of them wait for each other beside other work.
publish: install-dev ## Calibrate, measure and write the shipped model (DATA=mp-textbook.parquet TEXTBOOK=mp_textbook.parquet WORK=dir VERSION=5)
	OMP_NUM_THREADS=1 $(BIN)/python -m epitaxy_models.training.publish --data "$(DATA)" $(if $(TEXTBOOK),--textbook "$(TEXTBOOK)") \
	  --work "$(WORK)" --version "$(or $(VERSION),1)" --hardware "$(HARDWARE)" --out models/epitaxy_models/pretrained/substrate-mp "$(WORK)"/members-*.pt

clean: ## Remove .venv, caches and demo output
	rm -rf $(VENV) .epitaxy demo-results* .mypy_cache .ruff_cache .pytest_cache
