"""ScoreCandidates: cheap scores of a search's candidates, by students of the model."""
