#!/bin/sh
# `import ray` becomes seconds slower if a package of the same environment needs jsonschema[format-nongpl] (cyclonedx-bom
# does, by cyclonedx-python-lib[validation]). That extra brings rfc3987-syntax, which builds a parser of a grammar when it
# is imported; jsonschema imports it if it is there; Ray imports jsonschema. A head of Ray is a dozen Python processes, and
# `ray start` gives up if its raylet has not registered after 30 seconds, so on few cores a cluster may not come up at all.
# A product should keep tools with that extra out of the environment in which Ray runs. Prints processor seconds of the
# import with and without; fails if the extra is no slower. Takes two minutes, most of it the installation.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0 jsonschema==4.26.0
cat > "$folder/measure.py" <<'PY'
import sys, time
begin = time.process_time()
import ray
print(f"{time.process_time() - begin:.2f}")
print("python", sys.version.split()[0], "ray", ray.__version__, "rfc3987_syntax" in sys.modules, file=sys.stderr)
PY
run() { "$folder/venv/bin/python" "$folder/measure.py"; }
run >/dev/null # compiles
without=$(run)
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rfc3987-syntax==1.1.0
run >/dev/null
with=$(run)
echo "processor seconds of import ray: $without without rfc3987-syntax, $with with it"
awk "BEGIN {exit !($with > $without + 0.5)}"
