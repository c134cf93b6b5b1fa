#!/bin/sh
# RDKit keeps deuterium as an atom of its own. Whoever drops isotopes by SetIsotope(0), or by isomericSmiles=False, gets
# another canonical SMILES than that of the same molecule with ordinary hydrogen:
# 1. [2H]OC becomes "[H]OC" and not "CO"; D2O becomes "[H]O[H]" and not "O". Duplicates are not found, and a split puts one
#    molecule on both sides. Carbon-13 is no such case: [13CH3]O becomes "CO".
# 2. GetNumAtoms counts these hydrogens, GetNumHeavyAtoms does not; of [2H][2H] the second is 0, so that shares by heavy
#    atom divide by zero.
# 3. Chem.RemoveHs after SetIsotope(0) joins them. It leaves [H][H] as it is.
# A product should set isotopes to 0, then call RemoveHs, and only then ask for the canonical SMILES. Fails if this
# behaviour changes. Takes half a minute.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rdkit==2026.9.1
cat > "$folder/ask.py" <<'PY'
import rdkit
from rdkit import Chem


def by_hand(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    for atom in molecule.GetAtoms():
        atom.SetIsotope(0)
    return molecule


print("rdkit", rdkit.__version__)
for text, wanted in (("[2H]OC", "CO"), ("[2H]O[2H]", "O"), ("[13CH3]O", "CO")):
    kept = Chem.MolToSmiles(by_hand(text), isomericSmiles=False)
    plain = Chem.MolToSmiles(Chem.MolFromSmiles(text), isomericSmiles=False)
    joined = Chem.MolToSmiles(Chem.RemoveHs(by_hand(text)))
    print(f"{text}: SetIsotope(0) {kept}, isomericSmiles=False {plain}, RemoveHs {joined}, expected {wanted}")
    assert joined == wanted
    assert (kept == wanted) == ("13" in text), "the behaviour has changed"
    assert plain == kept
deuterium = by_hand("[2H][2H]")
assert (deuterium.GetNumAtoms(), deuterium.GetNumHeavyAtoms()) == (2, 0)
assert Chem.MolToSmiles(Chem.RemoveHs(deuterium)) == "[H][H]"
PY
"$folder/venv/bin/python" "$folder/ask.py"
