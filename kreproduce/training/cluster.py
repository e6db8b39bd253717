"""Several machines for one run: refused, because each would train a copy of its own."""

import json

from kreproduce.errors import SettingsError


def check(tf_config: str | None) -> None:
    """Refuse to be one of several machines that train one run together.

    Networks of this size gain nothing from it, and Keras 3 does not train under
    MultiWorkerMirroredStrategy (keras-team/keras#20585).

    Args:
        tf_config: the environment variable TF_CONFIG, by which TensorFlow's workers know each
            other.

    Raises:
        SettingsError: it names several workers.
    """
    try:
        members = json.loads(tf_config or "{}").get("cluster", {})
        roles = [members.get(role) for role in ("chief", "worker")]
        workers = [one for role in roles if isinstance(role, list) for one in role]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return
    if len(workers) > 1:
        raise SettingsError(
            f"TF_CONFIG names {len(workers)} workers, and one run does not use several machines; "
            "unset it, and give each machine runs of its own with `kreproduce sweep --shard i/n` "
            "or `--ray`"
        )
