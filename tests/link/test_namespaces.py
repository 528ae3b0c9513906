"""Why there can be no lab: every reason has a sentence with the way out, on systems that this one only pretends to be."""

import errno

import pytest

from udpmsg.base.errors import Phrase
from udpmsg.lab.namespaces import NETWORK_NAMESPACE, explained

OPEN = {"user/max_user_namespaces": "96364", "user/max_net_namespaces": "96364"}

CASES = [
    ("darwin", 0, {}, "only Linux has network namespaces"),
    ("win32", 0, {}, "only Linux has network namespaces"),
    ("linux", errno.EINVAL, {}, "built without user namespaces (there is no /proc/sys/user/max_user_namespaces)"),
    ("linux", errno.ENOSPC, {"user/max_user_namespaces": "0"}, "sudo sysctl user.max_user_namespaces=10000"),
    ("linux", errno.ENOSPC, {**OPEN, "user/max_net_namespaces": "0"}, "sudo sysctl user.max_net_namespaces=10000"),
    ("linux", errno.ENOSPC, OPEN, "sudo sysctl user.max_user_namespaces=100000"),
    ("linux", errno.EPERM, {**OPEN, "kernel/unprivileged_userns_clone": "0"}, "sudo sysctl kernel.unprivileged_userns_clone=1"),
    (
        "linux",
        errno.EPERM,
        {**OPEN, "kernel/apparmor_restrict_unprivileged_userns": "1"},
        "AppArmor forbids it; allow it: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    (
        "linux",
        errno.EACCES,
        {**OPEN, "kernel/apparmor_restrict_unprivileged_userns": "1", "kernel/unprivileged_userns_clone": "1"},
        "AppArmor forbids it",
    ),
    ("linux", errno.EPERM, OPEN, "--security-opt seccomp=unconfined"),
    ("linux", errno.EOPNOTSUPP, OPEN, "sudo modprobe veth"),
    ("linux", errno.EAFNOSUPPORT, OPEN, "sudo modprobe af_packet"),
    ("linux", errno.EIO, OPEN, "Input/output error"),
    ("linux", 0, OPEN, "the system gave no reason"),
]


@pytest.mark.parametrize(("platform", "number", "settings", "words"), CASES)
def test_the_reason_and_the_way_out_are_one_sentence(platform: str, number: int, settings: dict[str, str], words: str) -> None:
    sentence = str(explained(Phrase("make a user namespace"), number, settings.get, platform))
    assert sentence.startswith("cannot make a user namespace: ")
    assert words in sentence
    assert "\n" not in sentence


def test_where_a_network_namespace_failed_its_own_limit_is_named() -> None:
    """The settings are read in a user namespace of ours, where they say nothing of the limit outside."""
    sentence = str(explained(NETWORK_NAMESPACE, errno.ENOSPC, OPEN.get, "linux"))
    assert sentence.startswith("cannot make a network namespace: ")
    assert sentence.endswith("sudo sysctl user.max_net_namespaces=100000")
