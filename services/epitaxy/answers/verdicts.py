"""Names of the verdicts that columns hold as numbers."""

from epitaxy.api.common.v1.review_pb2 import ReviewVerdict
from epitaxy.api.prediction.v1.prediction_pb2 import DomainVerdict

DOMAIN_NAMES = {number: name.removeprefix("DOMAIN_VERDICT_") for name, number in DomainVerdict.items()}
REVIEW_NAMES = {number: name.removeprefix("REVIEW_VERDICT_") for name, number in ReviewVerdict.items()}
