"""A classifier that remembers the one picture it was asked about."""

from collections.abc import Sequence

from semcomp.semantics.activation import load_classifier
from semcomp.semantics.classifiers import Classifier, Features

from .decoding import Picture


class Remembering:
    """One network and one picture's features: maps of other classes then take milliseconds.

    kept: the features, None before the first picture. It is meant for that picture alone.
    """

    def __init__(self, name: str) -> None:
        """name: of the classifier."""
        self._network: Classifier = load_classifier(name)
        self.name = self._network.name
        self.class_names: Sequence[str] = self._network.class_names
        self.kept: Features | None = None

    def features(self, image: Picture) -> Features:
        """See `Classifier.features`; image: the picture as `analyse` prepares it."""
        if self.kept is None:
            self.kept = self._network.features(image)
        return self.kept
