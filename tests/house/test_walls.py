"""No room reaches around the World, and none does what is unsafe."""

from __future__ import annotations

import ast
import re

from twisted.trial.unittest import SynchronousTestCase

from tests.house.source import HOUSE, calls, imports, modules, room

# Whole modules that only the World may touch, and the two that it is
# handed to: the command line is its own process, the roof makes the World.
MACHINE = {
    "asyncio",
    "fcntl",
    "multiprocessing",
    "random",
    "secrets",
    "select",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "uuid",
}
GLOBAL_REACTOR = "twisted.internet.reactor"
THREAD_CALLS = {"deferToThread", "callInThread", "callFromThread"}
# Parts of `os` that are no door to the machine.
HARMLESS_OS = {"path"}

UNSAFE_CALLS = {
    "eval",
    "exec",
    "pickle.loads",
    "pickle.load",
    "marshal.loads",
    "yaml.load",
    "os.system",
    "os.popen",
    "tempfile.mktemp",
}


class MachineTests(SynchronousTestCase):
    """Clock, network, files, randomness and threads come by World alone."""

    def outside(self) -> list[str]:
        """Modules that have no business with the machine."""
        return [m for m in modules() if room(m) not in ("world", "cli")]

    def test_machine_modules(self) -> None:
        """Nobody but the World imports time, random, socket and the like."""
        found = [
            f"{module}:{line} imports {name}"
            for module in self.outside()
            for line, name in imports(modules()[module][1])
            if name.partition(".")[0] in MACHINE
        ]
        self.assertEqual(found, [])

    def test_file_calls(self) -> None:
        """Nobody but the World opens files or asks the system anything."""
        found = [
            f"{module}:{line} calls {name}"
            for module in self.outside()
            for line, name in calls(modules()[module][1])
            if name == "open"
            or (
                name.startswith("os.")
                and name.split(".")[1] not in HARMLESS_OS
            )
        ]
        self.assertEqual(found, [])

    def test_global_reactor(self) -> None:
        """Only the roof takes the global reactor, inside a function."""
        for module, (_, tree) in modules().items():
            for line, name in imports(tree):
                if name != GLOBAL_REACTOR:
                    continue
                self.assertIn(room(module), ("tap", "cli"), (module, line))
                top = {n.lineno for n in tree.body}
                self.assertNotIn(line, top, module)

    def test_threads(self) -> None:
        """Only the World makes threads or speaks across them."""
        found = [
            f"{module}:{line} {name}"
            for module in self.outside()
            for line, name in calls(modules()[module][1])
            if name.rpartition(".")[2] in THREAD_CALLS
        ]
        self.assertEqual(found, [])


class SafetyTests(SynchronousTestCase):
    """What no safe program does."""

    def test_B15_7_unsafe_calls(self) -> None:
        """No eval, pickle, shell or guessable temporary file."""
        found = []
        for module, (_, tree) in modules().items():
            for line, name in calls(tree):
                if name in UNSAFE_CALLS:
                    found.append(f"{module}:{line} {name}")
            for node in ast.walk(tree):
                if isinstance(node, ast.keyword) and node.arg == "shell":
                    found.append(f"{module}:{node.value.lineno} shell=")
        self.assertEqual(found, [])

    def test_B15_7_no_assert(self) -> None:
        """Nothing rests on an assert, which python -O takes away."""
        found = [
            f"{module}:{node.lineno}"
            for module, (_, tree) in modules().items()
            for node in ast.walk(tree)
            if isinstance(node, ast.Assert)
        ]
        self.assertEqual(found, [])

    def test_B9_12_secrets_are_not_compared(self) -> None:
        """No == on anything that is called a password, secret or proof."""
        secret = re.compile(
            r"(?i)(password|secret|proof|signature|stored_key|server_key"
            r"|digest|token)s?$"
        )
        found = []
        for module, (_, tree) in modules().items():
            for node in ast.walk(tree):
                if not isinstance(node, ast.Compare) or not any(
                    isinstance(op, (ast.Eq, ast.NotEq)) for op in node.ops
                ):
                    continue
                sides = [node.left, *node.comparators]
                if any(isinstance(side, ast.Constant) for side in sides):
                    continue
                names = [ast.unparse(side) for side in sides]
                if any(secret.search(name) for name in names):
                    found.append(f"{module}:{node.lineno} {names}")
        self.assertEqual(found, [])

    def test_B13_12_patterns_are_ours(self) -> None:
        """No pattern is made of what somebody said; hashes are random."""
        asks = {
            f"re.{verb}"
            for verb in (
                *("compile", "match", "search", "fullmatch", "sub"),
                *("subn", "split", "findall", "finditer"),
            )
        }
        found = []
        for module, (_, tree) in modules().items():
            for function in ast.walk(tree):
                if not isinstance(
                    function, (ast.FunctionDef, ast.AsyncFunctionDef)
                ):
                    continue
                found += [
                    f"{module}: {ast.unparse(call)[:60]}"
                    for call in ast.walk(function)
                    if isinstance(call, ast.Call)
                    and ast.unparse(call.func) in asks
                    and not isinstance(call.args[0], ast.Constant)
                ]
        # Names of header fields, each escaped.
        allowed = "imailpy.listeners.imap.listed: re.compile("
        self.assertEqual(
            [each for each in found if not each.startswith(allowed)], []
        )
        listed, _ = modules()["imailpy.listeners.imap.listed"]
        self.assertIn("re.escape,", listed)
        unit = (HOUSE / "etc" / "imailpy.service").read_text("utf-8")
        self.assertNotIn("PYTHONHASHSEED", unit)

    def test_loopback_is_not_special(self) -> None:
        """No code asks whether a peer is loopback, but where it is named."""
        # The demo refuses to be anything else; routing refuses to send the
        # world's mail to this machine; DNS trusts the AD bit of a resolver
        # on this machine alone; the demo's certificate names it.
        allowed = {"tap", "config", "dns", "delivery", "world", "tls", "roof"}
        found = [
            f"{module}: {word}"
            for module, (text, _) in modules().items()
            if room(module) not in allowed
            # The relay battery plays this machine: it gets nothing for it.
            and not module.startswith("imailpy.realm.battery")
            # What the operator calls localhost, as the name of a server of
            # ours, is this machine.
            and module != "imailpy.realm.reach"
            for word in ("is_loopback", "127.0.0.1", '"::1"', "localhost")
            if word in text
        ]
        self.assertEqual(found, [])
