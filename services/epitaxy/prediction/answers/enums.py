"""Enumerations of the science, and their numbers on the wire."""

from epitaxy.api.common.v1 import review_pb2, structure_pb2
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy_models.calibration.verdict import DomainVerdict
from epitaxy_models.materials import MaterialKind
from epitaxy_models.review import ReviewVerdict

DOMAIN_VERDICTS = {
    DomainVerdict.IN_DOMAIN: prediction_pb2.DOMAIN_VERDICT_IN_DOMAIN,
    DomainVerdict.BORDERLINE: prediction_pb2.DOMAIN_VERDICT_BORDERLINE,
    DomainVerdict.OUT_OF_DOMAIN: prediction_pb2.DOMAIN_VERDICT_OUT_OF_DOMAIN,
}
KINDS = {
    MaterialKind.STRUCTURE: structure_pb2.MATERIAL_KIND_STRUCTURE,
    MaterialKind.COMPOSITION: structure_pb2.MATERIAL_KIND_COMPOSITION,
    MaterialKind.MOLECULE: structure_pb2.MATERIAL_KIND_MOLECULE,
    MaterialKind.POLYMER: structure_pb2.MATERIAL_KIND_POLYMER,
}
REVIEW_VERDICTS = {
    ReviewVerdict.ACCEPT: review_pb2.REVIEW_VERDICT_ACCEPT,
    ReviewVerdict.REVIEW: review_pb2.REVIEW_VERDICT_REVIEW,
    ReviewVerdict.REJECT: review_pb2.REVIEW_VERDICT_REJECT,
}
