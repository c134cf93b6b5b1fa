import sys
from pathlib import Path

# material_cases.py reads the shared data sets for the tests of several folders.
sys.path.insert(0, str(Path(__file__).parent))
