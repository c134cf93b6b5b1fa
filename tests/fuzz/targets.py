"""Every parser of what comes from outside, as a function of bytes: it may refuse by an error of ours, and nothing else.

A target that raises anything else, hangs or eats memory has found a fault.
"""

import io
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from google.protobuf.message import DecodeError

from epitaxy.api.campaigns.v1 import campaigns_pb2
from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.campaigns import messages as campaign_messages
from epitaxy.campaigns.domain.spec import PoolFile
from epitaxy.campaigns.pool.file_rows import read_candidates
from epitaxy.chassis.page_tokens import read_place
from epitaxy.chassis.status import DETAILS_KEY, from_trailing_metadata
from epitaxy.chassis.tenants import TenantDirectory
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.files import read_file
from epitaxy.client.inputs.reading_log import ReadingLog
from epitaxy.client.inputs.stored import StoredFile
from epitaxy.finetune import messages as finetune_messages
from epitaxy.finetune.domain.label_table import LabelFile
from epitaxy.finetune.labels.readers import read_table
from epitaxy.gateway import messages as gateway_messages
from epitaxy.gateway.measurements import messages as measurement_messages
from epitaxy.prediction.cache.codec import decode_accepted, decode_embedding, decode_graph_key, decode_reading
from epitaxy.pretraining.config import read_config
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.materials import MaterialKind
from epitaxy_models.materials.reading import read_material
from epitaxy_models.review.policy import ReviewPolicy
from epitaxy_models.structures import (
    TextFormat,
    pack_structures,
    read_text,
    structure_from_column,
    structure_to_column,
    unpack_structures,
)
from loadtest.scenario.config import ScenarioError, read_scenario

Parse = Callable[[bytes], object]


@dataclass(frozen=True)
class Target:
    """One parser.

    Attributes:
        parse: What is called with bytes.
        seeds: Valid inputs, from which others are made.
        refusals: Errors by which it may refuse.
    """

    parse: Parse
    seeds: tuple[bytes, ...] = ()
    refusals: tuple[type[Exception], ...] = field(default=(EpitaxyError,))

    def __call__(self, content: bytes) -> bool:
        """True if the content was taken, False if it was refused. Whatever else is raised is a fault."""
        try:
            self.parse(content)
        except self.refusals:
            return False
        return True


def _text(parse: Callable[[str], object]) -> Parse:
    return lambda content: parse(content.decode("utf-8", "replace"))


@contextmanager
def _file(content: bytes, name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        yield path


def _on_disk(parse: Callable[[Path], object], name: str) -> Parse:
    def run(content: bytes) -> None:
        with _file(content, name) as path:
            parse(path)

    return run


def _inputs(name: str) -> Parse:
    """What ``epitaxy screen FILE`` reads: it never raises."""
    return _on_disk(lambda path: list(read_file(StoredFile(str(path)), "f", Columns(known=("k",)), ReadingLog())), name)


def _labels(suffix: str) -> Parse:
    return lambda content: read_table(content, LabelFile(f"file:///l{suffix}", id_column="id"), ["y"], 1000)


def _pool(suffix: str) -> Parse:
    return lambda content: list(read_candidates(io.BytesIO(content), PoolFile(f"file:///p{suffix}")))


def _block(content: bytes) -> None:
    cut = [len(content) * part // 4 for part in range(5)]
    unpack_structures(*(content[begin:end] for begin, end in pairwise(cut)))


def _job(content: bytes) -> None:
    request = gateway_messages.parse(finetune_pb2.CreateFineTuneJobRequest, content)
    finetune_messages.request_key(request)
    finetune_messages.spec_of(request.spec, 60.0)
    finetune_messages.source_of(request)
    finetune_messages.refit_of(request)


def _campaign(content: bytes) -> None:
    request = gateway_messages.parse(campaigns_pb2.CreateCampaignRequest, content)
    campaign_messages.request_key(request)
    campaign_messages.spec_of(request.spec)
    campaign_messages.file_of(request)


def _candidates(content: bytes) -> None:
    request = gateway_messages.parse(campaigns_pb2.AddCandidatesRequest, content)
    for message in request.candidates:
        campaign_messages.candidate_of(message)


def _results(content: bytes) -> None:
    request = gateway_messages.parse(campaigns_pb2.ReportResultsRequest, content)
    for message in request.results:
        campaign_messages.sample_of(message)


def _cache(content: bytes) -> None:
    key, digest = b"k" * 16, b"d" * 32
    for answer in (
        decode_embedding(key, content, (5, 192)),
        decode_graph_key(digest, content),
        decode_reading(digest, content, 2),
        decode_accepted(digest, content),
    ):
        assert answer is None, "an entry that nobody wrote was taken"


def _archive(kind: str, inner: Mapping[str, bytes]) -> bytes:
    sink = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(sink, "w") as archive:
            for name, content in inner.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=sink, mode="w:gz") as archive:
            for name, content in inner.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return sink.getvalue()


def _parquet(structure: str) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table({"id": ["a", "b"], "structure": [structure] * 2, "y": [1.0, 2.0], "k": [1.0, 2.0]}), sink)
    return sink.getvalue()


CIF = b"""data_x
_cell_length_a 3.2
_cell_length_b 3.2
_cell_length_c 3.2
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Cs1 Cs 0 0 0 1
Cl1 Cl 0.5 0.5 0.5 1
"""
POSCAR = b"NaCl\n1.0\n3 0 0\n0 3 0\n0 0 3\nNa Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"
EXTXYZ = b'2\nLattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3 pbc="T T T"\nNa 0 0 0\nCl 1.5 1.5 1.5\n'
SDF = b"x\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0    0.0    0.0 C   0  0\nM  END\n$$$$\n"
_COLUMN = structure_to_column(bundled_crystals()[0].structure)
_ROW = b'{"id": "a", "structure": %s, "y": 1.5, "k": 2}\n' % _COLUMN.encode()
_TABLE = b'id,structure,y,k\na,"%s",1.5,2\n' % _COLUMN.encode().replace(b'"', b'""')
_PACKED = pack_structures([bundled_crystals()[0].structure])
_PYMATGEN = (
    b'{"lattice": {"matrix": [[3,0,0],[0,3,0],[0,0,3]]}, "sites": '
    b'[{"species": [{"element": "Na", "occu": 1}], "abc": [0,0,0]}]}'
)
_JOB = finetune_pb2.CreateFineTuneJobRequest(
    request_id="r",
    spec=finetune_pb2.FineTuneSpec(model_name="m", property_name="p", unit="K", target={"name": "y"}),
    inline=finetune_pb2.InlineLabels(structures=[{"id": "a", "cif": "x"}], columns=[{"column": "y", "values": [1.0]}]),
)
_SCREEN = gateway_messages.ScreenRequest(sequence=3, structures=[{"id": "a", "cif": CIF.decode()}])
_CAMPAIGN = campaigns_pb2.CreateCampaignRequest(spec=campaigns_pb2.CampaignSpec(name="c"))

_GATEWAY = {
    "predict": gateway_messages.read_predict,
    "screen": gateway_messages.read_screen,
    "embed": gateway_messages.read_embed,
    "explain": gateway_messages.read_explain,
    "validate": gateway_messages.read_validate,
    "list_models": gateway_messages.read_list_models,
    "get_model": gateway_messages.read_get_model,
    "report_measurements": measurement_messages.read_report,
    "model_health": measurement_messages.read_health_request,
}

TARGETS: dict[str, Target] = {
    "cif": Target(_text(lambda text: read_text(text, TextFormat.CIF)), (CIF,)),
    "poscar": Target(_text(lambda text: read_text(text, TextFormat.POSCAR)), (POSCAR,)),
    "extxyz": Target(_text(lambda text: read_text(text, TextFormat.EXTXYZ)), (EXTXYZ,)),
    "pymatgen_json": Target(_text(lambda text: read_text(text, TextFormat.PYMATGEN_JSON)), (_PYMATGEN,)),
    "structure_column": Target(_text(structure_from_column), (_COLUMN.encode(),)),
    "packed_block": Target(_block, (b"".join((_PACKED.n_sites, _PACKED.lattices_angstrom)),)),
    **{
        f"material_{kind.value}": Target(_text(lambda text, kind=kind: read_material(kind, text)), seeds)
        for kind, seeds in {
            MaterialKind.COMPOSITION: (b"Fe:Bal., Ni:18 wt%", b"La0.7Sr0.3MnO3", b'{"Al": 0.25, "Co": 1}'),
            MaterialKind.MOLECULE: (b"CC(=O)Oc1ccccc1C(=O)O", SDF),
            MaterialKind.POLYMER: (b"*CC(*)c1ccccc1", b"*CC*.*CC(C)* 0.5 0.5"),
        }.items()
    },
    "inputs_csv": Target(_inputs("f.csv"), (_TABLE, b"\xef\xbb\xbf" + _TABLE, _TABLE.decode().encode("utf-16"))),
    "inputs_jsonl": Target(_inputs("f.jsonl"), (_ROW, b"[" * 3000 + b"\n")),
    "inputs_parquet": Target(_inputs("f.parquet"), (_parquet(_COLUMN),)),
    "inputs_sdf": Target(_inputs("f.sdf"), (SDF,)),
    "inputs_smiles": Target(_inputs("f.smi"), (b"CCO ethanol\nc1ccccc1\n",)),
    "inputs_zip": Target(_inputs("f.zip"), (_archive("zip", {"a.cif": CIF, "b/POSCAR": POSCAR}),)),
    "inputs_tar": Target(_inputs("f.tar.gz"), (_archive("tar", {"a.cif": CIF, "../b.cif": CIF}),)),
    "inputs_cif": Target(_inputs("f.cif.gz"), (CIF,)),
    "labels_csv": Target(_labels(".csv"), (_TABLE,)),
    "labels_jsonl": Target(_labels(".jsonl"), (_ROW, b"[" * 3000 + b"\n")),
    "labels_parquet": Target(_labels(".parquet"), (_parquet(_COLUMN),)),
    "pool_csv": Target(_pool(".csv"), (_TABLE,)),
    "pool_jsonl": Target(_pool(".jsonl"), (_ROW, b"[" * 3000 + b"\n")),
    "pool_parquet": Target(_pool(".parquet"), (_parquet(_COLUMN),)),
    "pool_gzip": Target(_pool(".csv.gz"), (b"\x1f\x8b\x08\x00",)),
    "review_policy": Target(
        _text(ReviewPolicy.from_text), (b'{"max_domain_score": 2, "forbidden_elements": [82]}', b'{"a":' * 3000)
    ),
    "pretrain_config": Target(
        _on_disk(read_config, "c.yaml"), (Path("models/configs/pretrain-small.yaml").read_bytes(), b"[" * 3000)
    ),
    "load_scenario": Target(
        _on_disk(read_scenario, "s.yaml"),
        (Path("loadtest/scenarios/steady.yaml").read_bytes(), b"[" * 3000),
        (ScenarioError,),
    ),
    "tenants_file": Target(
        _on_disk(TenantDirectory.from_file, "t.json"), (b'{"tenants": {"acme": {"key_hashes": []}}}', b"[" * 3000)
    ),
    "page_token": Target(_text(read_place), (b"MQoyMDI2LTAxLTAyVDAwOjAwOjAwKzAwOjAwCmZ0LTE=",)),
    "status_details": Target(lambda content: from_trailing_metadata(((DETAILS_KEY, content),))),
    "cache_entry": Target(_cache),
    "job_request": Target(_job, (_JOB.SerializeToString(),)),
    "campaign_request": Target(_campaign, (_CAMPAIGN.SerializeToString(),)),
    "candidates_request": Target(_candidates, (campaigns_pb2.AddCandidatesRequest().SerializeToString(),)),
    "results_request": Target(_results, (campaigns_pb2.ReportResultsRequest().SerializeToString(),)),
    **{f"request_{name}": Target(read, (_SCREEN.SerializeToString(),)) for name, read in _GATEWAY.items()},
}
assert not any(DecodeError in target.refusals for target in TARGETS.values())
