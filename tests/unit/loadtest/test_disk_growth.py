"""The disk of a month by the looks of some minutes."""

from pathlib import Path

from loadtest.disk_growth import parts_of, table

MIB = 2**20


def test_logs_grow_to_their_bounds_the_rest_by_its_slope_and_what_tenants_made_is_left_out():
    looks = []
    for second in range(0, 400, 10):
        started = min(second, 100)  # what is written once at the start does not go on for a month
        looks.append(
            (
                float(second),
                {
                    Path("logs/gateway.log"): second * 1000,
                    Path("logs/redis.log"): 5,
                    Path("run/ray/session_1/logs/raylet.out"): second * MIB,
                    Path("run/ray/session_1/sockets.json"): started * 100,
                    Path("status.json"): second,
                    Path("registry/artifacts/model.safetensors"): second * MIB,
                },
            )
        )
    parts = {part.name: part for part in parts_of(looks)}
    assert set(parts) == {"logs of services", "logs of Ray", "run", "status.json"}
    assert parts["logs of services"].bytes_after == 32 * MIB + 5
    assert parts["logs of Ray"].bytes_after == parts["logs of Ray"].n_bytes, "beyond its bound already"
    assert (parts["run"].n_bytes, round(parts["run"].bytes_after)) == (10_000, 10_000)
    assert round(parts["status.json"].bytes_after) == 390 + 30 * 86_400
    assert table(list(parts.values())).splitlines()[-1].startswith("| all | ")
