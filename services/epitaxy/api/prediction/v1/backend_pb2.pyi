from epitaxy.api.models.v1 import models_pb2 as _models_pb2
from epitaxy.api.prediction.v1 import explanation_pb2 as _explanation_pb2
from epitaxy.api.prediction.v1 import prediction_pb2 as _prediction_pb2
from epitaxy.api.prediction.v1 import structures_pb2 as _structures_pb2
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor
