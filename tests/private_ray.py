"""A Ray of a test's own, on this machine."""

import ray


def start_ray(n_cpus: int) -> str:
    """Starts it and returns HOST:PORT; ``ray.shutdown`` ends it.

    Ray 2.60 gives its node 30 seconds, fixed in its code, to register: on a busy machine once is not enough.
    """
    options = {"num_cpus": n_cpus, "include_dashboard": False, "log_to_driver": False}
    try:
        return str(ray.init(address="local", **options).address_info["gcs_address"])
    except Exception as error:  # Ray raises no class of its own here
        if "timed out during startup" not in str(error):
            raise
    ray.shutdown()
    return str(ray.init(address="local", **options).address_info["gcs_address"])
