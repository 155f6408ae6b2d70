from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

class SentenceTransformer:
    max_seq_length: int | None

    def __init__(
        self, model_name_or_path: str, *, device: str, local_files_only: bool, model_kwargs: Mapping[str, bool]
    ) -> None: ...
    def encode(
        self,
        inputs: Sequence[str],
        *,
        batch_size: int,
        show_progress_bar: bool,
        convert_to_numpy: bool,
        normalize_embeddings: bool,
    ) -> NDArray[np.float32]: ...
