package main

func limits() []proof {
	const group = "Limits of the machine"
	return []proof{
		{
			name: "limits", group: group, what: "no locked memory, tiny limits of memory, files, processes and file sizes",
			pkg: "internal/faults", tests: []string{"TestLimits", "TestWithoutLockedMemory"}, full: []string{"-whole"}, weight: 3,
		},
		{
			name: "surroundings", group: group, what: "locales, time zones, homes, umasks, closed and full streams, readers that go, ignored signals, directories that are gone",
			pkg: "internal/faults", tests: []string{"TestSurroundings"}, full: []string{"-whole"},
		},
		{
			name: "large", group: group, what: "very many secrets, and the largest ones: memory while they are imported, listed, resolved, verified",
			pkg: "internal/faults", tests: []string{"TestLargeVault"}, full: []string{"-large", "100000"}, weight: 3,
		},
		{
			name: "guarded-memory", group: group, what: "limits of locked memory, too many regions, core dumps, debuggers",
			pkg: "keyring/secret", tests: []string{"TestSmallLockLimits", "TestLockedMemoryReturnsToBaseline", "TestNotDumpable", "TestRestoreLimits", "TestTooManyRegionsIsAnError", "TestBudget", "TestGuardPages", "TestNothingPrintsTheValue", "TestNothingEncodesTheValue"}, each: "limit",
		},
		{
			name: "clock-lock", group: group, what: "a machine that slept, and a clock that is set back, under an interface that nobody uses: it locks",
			pkg: "tui", tests: []string{"TestIdleLockAfterSleep", "TestIdleLockWhenTheClockIsSetBack"}, each: "test",
		},
		{
			name: "sizes", group: group, what: "a thousand sizes of the terminal, down to 1x1",
			pkg: "tui", tests: []string{"TestEverySize", "TestThousandResizes"}, each: "test", weight: 2,
		},
	}
}

func memory() []proof {
	const group = "Memory, searched for values and keys"
	return []proof{
		{
			name: "memory", group: group, what: "the program after create, import and behind a resolved value",
			pkg: "internal/e2e", tests: []string{"TestMemoryAfterCreate", "TestMemoryWhileCreateWaits", "TestMemoryAfterResolve", "TestMemoryAfterImport", "TestMemoryWhileImportWaits"}, each: "search", weight: 1,
		},
		{
			name: "memory-tui", group: group, what: "the interface: typed, pasted in pieces, cancelled, suspended, resized, broken",
			pkg: "tui", tests: []string{"TestNothingStaysInMemory", "TestInterfaceLeavesNothing", "TestInterfaceCancelledAndSuspended", "TestLinesStayInMemoryNoLonger", "TestLongValueStaysInMemoryNoLonger", "TestTypedAhead", "TestCancelled", "TestStream", "TestSuspended", "TestEnds", "TestFaults"}, each: "search", weight: 3,
		},
		{
			name: "memory-ways", group: group, what: "create, edit, resolve, call, run, lock and rotate, each with its value or the vault's passphrase typed, pasted, piped and from a file: no value outside of guarded memory",
			pkg: "internal/e2e", tests: []string{"TestMemoryByWay"}, each: "search", weight: 3,
		},
		{
			name: "memory-keys", group: group, what: "the same for passphrase, identity and root key in a build with the runtime's secret mode: none outside of guarded memory, and none at all after lock",
			pkg: "internal/e2e", tests: []string{"TestSecretMode"}, each: "search", weight: 3, long: true,
		},
		{
			name: "memory-ssh", group: group, what: "the server for SSH after sessions: piped, typed, pasted, resolved, from a program elsewhere",
			pkg: "internal/e2e", tests: []string{"TestMemoryOfServer"}, weight: 2,
		},
		{
			name: "memory-unlock", group: group, what: "the unlock agent and its clients, while they work and afterwards",
			pkg: "internal/e2e", tests: []string{"TestMemoryOfAgent", "TestMemoryOfClientAfterCreate", "TestMemoryOfRedact"}, each: "search",
		},
		{
			name: "memory-scan", group: group, what: "that the search finds what is there: in 12 encodings, in pieces, over joins",
			pkg: "internal/memscan", tests: []string{"TestFindsWhatIsThere", "TestGuardedMemory"}, each: "search",
		},
		{
			name: "memory-ends", group: group, what: "the built program on a pseudo-terminal: each end of it",
			pkg: "internal/e2e", tests: []string{"TestTUIEnds", "TestTUITerminalGone", "TestTUISuspend", "TestTUIWithoutJobControl", "TestTUIMemory"}, each: "ending", weight: 1,
		},
		{
			name: "memory-prompts", group: group, what: "questions, answered and cut off",
			pkg: "internal/prompt", tests: []string{"TestLeavesNothingInMemory"}, each: "search",
		},
		{
			name: "memory-calls", group: group, what: "requests in the URL, a header and the body, over HTTP/1.1, TLS and HTTP/2: the copies that Go's HTTP client makes stay few, and two collections leave none where freed memory is overwritten",
			pkg: "internal/apitool", tests: []string{"TestMemory"},
		},
		{
			name: "memory-run", group: group, what: "a command that was given values, and what becomes of it when it or the program is killed",
			pkg: "internal/e2e", tests: []string{"TestMemoryWhileRun", "TestRunKilled", "TestRunInterrupted"}, each: "test",
		},
		{
			name: "memory-agents", group: group, what: "an agent's server after calls and prompts, answered, redirected, refused, broken off and too late: nothing of a value",
			pkg: "internal/e2e", tests: []string{"TestAgentMemory"},
		},
	}
}
