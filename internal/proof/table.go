package main

// A proof is one fault or attack, and the tests that show what comes of it.
type proof struct {
	name  string // for -only
	group string
	what  string
	pkg   string
	tests []string // "TestX", or "TestX/sub" for one of its parts
	full  []string // arguments of the tests
	quick []string
	env   []string // for the full run alone
	each  string   // what one passed test is, in the singular, when the tests count no cases themselves
	soak  bool     // takes -soak
	long  bool     // not in a quick run
	// weight orders the runs, so that what takes minutes begins first.
	weight int
}

func (p proof) arguments(s setting) []string {
	args := p.full
	if s.quick {
		args = p.quick
	}
	if p.soak {
		args = append([]string{"-soak", s.soak.String()}, args...)
	}
	return args
}

func (p proof) environment(s setting) []string {
	if s.quick {
		return nil
	}
	return p.env
}

// proofs is the table. Its order is the document's.
func proofs() []proof {
	var all []proof
	for _, group := range [][]proof{durability(), damage(), attacks(), limits(), memory()} {
		all = append(all, group...)
	}
	return all
}

func durability() []proof {
	const group = "Power, kills and the disk"
	return []proof{
		{
			name: "power", group: group, what: "power lost at each flush of each kind of write: what was not flushed is there in part, in any order, torn; directory entries too",
			pkg: "internal/faults", tests: []string{"TestPowerLoss"}, full: []string{"-images", "10000"}, quick: []string{"-images", "600"}, weight: 8,
		},
		{
			name: "power-engine", group: group, what: "the same for the engine alone, with scrubbing",
			pkg: "store", tests: []string{"TestPowerLoss"}, env: []string{"STORE_TEST_IMAGES=24"}, weight: 5,
		},
		{
			name: "kill", group: group, what: "kill -9 at random moments during every kind of write",
			pkg: "internal/faults", tests: []string{"TestKill"}, full: []string{"-kills", "1000"}, quick: []string{"-kills", "25"}, weight: 7,
		},
		{
			name: "kill-program", group: group, what: "kill -9 of the program while it creates secrets",
			pkg: "internal/e2e", tests: []string{"TestKilledAtAnyMoment"}, env: []string{"TACENDA_KILLS=100"}, weight: 2,
		},
		{
			name: "kill-calls", group: group, what: "kill -9 before each system call that changes or flushes a file",
			pkg: "internal/faults", tests: []string{"TestKilledAtEverySystemCall"}, full: []string{"-every", "1"}, quick: []string{"-every", "11"}, weight: 6,
		},
		{
			name: "kill-engine", group: group, what: "kill -9 of engines that change, compact and scrub without end",
			pkg: "store", tests: []string{"TestKill"}, weight: 2,
		},
		{
			name: "kill-revoke", group: group, what: "kill -9 while a revoke reseals a project: the old epoch or the new one",
			pkg: "internal/vault", tests: []string{"TestKilledWhileRevoking", "TestARevokeThatBreaks", "TestRevokingOnAFullDisk", "TestCancelledRevoke", "TestDuplicateIsAllOrNothing"}, each: "test", weight: 1,
		},
		{
			name: "io-errors", group: group, what: "each system call that changes or flushes a file fails: an I/O error once, from there on, or no space from there on",
			pkg: "internal/faults", tests: []string{"TestIOErrors"}, full: []string{"-every", "1"}, quick: []string{"-every", "11"}, weight: 7,
		},
		{
			name: "full-disk", group: group, what: "a full disk, met by the program; needs root for a small tmpfs",
			pkg: "internal/faults", tests: []string{"TestFullDisk"},
		},
		{
			name: "disk-engine", group: group, what: "full and read-only disks, a file-size limit, files swapped and cut under the engine",
			pkg:   "store",
			tests: []string{"TestFullDisk", "TestReadOnlyMount", "TestFileSizeLimit", "TestCutOffUnderway", "TestRenameRace", "TestReplacedMeanwhile", "TestScrubInterrupted", "TestResidue", "TestOlderMeta"},
			each:  "fault",
		},
		{
			name: "read-only", group: group, what: "a vault that may only be read",
			pkg: "internal/faults", tests: []string{"TestReadOnly"},
		},
		{
			name: "soak", group: group, what: "random operations by four processes on one file against a model, with kill -9 between; a counter that all of them raise",
			pkg: "internal/faults", tests: []string{"TestSoak"}, soak: true, weight: 9,
		},
		{
			name: "random-keys", group: group, what: "random keys, pastes and sizes in the interface, with a canary in its values",
			pkg: "tui", tests: []string{"TestRandomSteps"}, env: []string{"TACENDA_STEPS=20000"}, each: "seed", weight: 4,
		},
		{
			name: "at-once", group: group, what: "programs that write and read at once",
			pkg: "internal/e2e", tests: []string{"TestManyAtOnce"},
		},
		{
			name: "engines-at-once", group: group, what: "writers, readers, compactions and scrubs in several processes",
			pkg: "store", tests: []string{"TestProcesses", "TestHolder", "TestWaits"}, each: "test",
		},
		{
			name: "crowds", group: group, what: "readers and writers that come and go without end, and one more that wants in",
			pkg: "store", tests: []string{"TestCrowds"},
		},
		{
			name: "model-members", group: group, what: "members and owners at random against a model, in one process",
			pkg: "internal/vault", tests: []string{"TestMembersAgainstAModel", "TestManyViewsAtOnce"}, each: "test", weight: 2,
		},
		{
			name: "model", group: group, what: "random operations against a model, in one process",
			pkg: "internal/vault", tests: []string{"TestVaultAgainstAModel"}, full: []string{"-rapid.checks", "1000"}, weight: 4,
		},
	}
}

func damage() []proof {
	const group = "Damage and forgery"
	return []proof{
		{
			name: "flips-file", group: group, what: "every third byte of a small vault's file flipped, and the file cut at every third length (`-every 1` for all, which takes twenty minutes more)",
			pkg: "internal/vault", tests: []string{"TestEveryFlippedByteOfTheFile", "TestEveryLengthOfTheFile"}, full: []string{"-every", "3"}, weight: 8,
		},
		{
			name: "flips-records", group: group, what: "every byte of every record flipped (of the 8 KiB index every 29th); records removed, cut, longer",
			pkg: "internal/vault", tests: []string{"TestEveryFlippedByteIsNoticed", "TestEveryShortenedOrMissingRecordIsNoticed"}, quick: []string{"-short"}, weight: 4,
		},
		{
			name: "records", group: group, what: "records swapped, doubled, aged, from another project or vault",
			pkg: "internal/vault", tests: []string{"TestEverySwappedOrDoubledRecordIsNoticed", "TestAgedRecordsAreNoticed", "TestRecordsOfAnotherVaultAreNoticed"}, weight: 3,
		},
		{
			name: "texts", group: group, what: "the same for tools and instructions",
			pkg: "internal/vault", tests: []string{"TestEveryDamageToTextsIsNoticed", "TestEverySwappedTextIsNoticed", "TestAgedTextsAreNoticed", "TestTextsOfAnotherVaultAreNoticed"}, quick: []string{"-short"}, weight: 3,
		},
		{
			name: "mutations", group: group, what: "random changes of the engine's file: no panic, fault or hang, and an error that says damaged",
			pkg: "store", tests: []string{"TestMutations", "TestCycles"}, env: []string{"STORE_TEST_MUTATIONS=20000"}, weight: 6,
		},
		{
			name: "odd-files", group: group, what: "something else at the vault's place: links, pipes, other databases, modes, owners, lengths",
			pkg: "store", tests: []string{"TestOddFiles", "TestTruncated", "TestMounted", "TestReadOnlyFile", "TestCreate"}, each: "file",
		},
		{
			name: "rollback", group: group, what: "older, forked and foreign vaults, planted and aged names, forged backups, bombs in the roster and the index",
			pkg: "internal/vault",
			tests: []string{
				"TestOlderAndForkedVaultsAreRefused", "TestRotatedOwnersAreFollowed", "TestRestoreIsNewerThanWhatItReplaces", "TestHeadersFromElsewhere",
				"TestAgedNameRedirectsAProject", "TestReadKeyForgesName", "TestAgedNameHidesAProject", "TestRestoredTrustsTheFile", "TestForgedBackupIsRestored",
				"TestCloneOverwriteABA", "TestRosterBomb", "TestManifestCountsPanic", "TestVerifyHang", "TestAcceptRollbackForgetsTheOthers", "TestOneProcessForgets",
			},
			each: "attack",
		},
		{
			name: "clock", group: group, what: "a clock that is set back and forth between writes, to before 1970 too: nothing is refused, lost or taken for older",
			pkg: "internal/vault", tests: []string{"TestClockSetBack"},
		},
		{
			name: "members", group: group, what: "members with code of their own: forged rosters and grants, old grants, swapped grants, records changed with a key that may only read",
			pkg: "internal/vault",
			tests: []string{
				"TestGrantsHoldTheKeysOfTheTable", "TestReadersChangeNothingUnnoticed", "TestForgedRosters", "TestOpenVaultsKnowTheirOwner", "TestOldGrants",
				"TestSwappedGrants", "TestManagersDoNotNameProjects", "TestGrantsThatCannotBe", "TestTamperedMembers",
				"TestForgedVersions", "TestForgedCounter", "TestRecordsUnderAnotherName", "TestRaisedGrantLeavesNothing", "TestRevokingReachesOpenVaults",
			},
			each: "attack", weight: 1,
		},
		{
			name: "matrix", group: group, what: "every action with every set of permissions in own, other and revoked projects",
			pkg: "internal/vault", tests: []string{"TestMatrix", "TestCloneMatrix"}, weight: 1,
		},
		{
			name: "views", group: group, what: "owners, and servers that serve members by keys of their own",
			pkg: "internal/vault", tests: []string{"TestOwnersDoAll", "TestServersReachNoFurtherThanTheirKeys", "TestViews", "TestInterruptedRestore"}, each: "test",
		},
		{
			name: "slots", group: group, what: "planted and swapped slots, strange stanzas, costs and keys",
			pkg:   "keyring",
			tests: []string{"TestPlantedPublicKey", "TestStrangeStanzas", "TestShortFileKey", "TestSwappedPublicHalf", "TestBadIdentities", "TestBadRecipients", "TestCostBounds", "TestHugeRecord", "TestForeignFields", "FuzzParseIdentities", "FuzzParseRecipient", "FuzzParseSlot"},
			each:  "attack",
		},
		{
			name: "residue", group: group, what: "old ciphertext after edit, delete and rotate; names and values in the clear",
			pkg: "internal/e2e", tests: []string{"TestNothingInClear", "TestNoResidue"}, each: "search",
		},
		{
			name: "residue-engine", group: group, what: "the same for the engine: pages that were freed, leftovers of interrupted changes",
			pkg: "store", tests: []string{"TestScrub", "TestScrubLarge", "TestWithoutResidue", "TestSweep", "TestSweepLocked"}, each: "search",
		},
		{
			name: "age-vectors", group: group, what: "the public test vectors for age (C2SP/CCTV)",
			pkg: "keyring", tests: []string{"TestAgeVectors"},
		},
		{
			name: "wycheproof", group: group, what: "the Wycheproof vectors for AES-GCM, HKDF, HMAC, Ed25519 and X25519",
			pkg: "keyring", tests: []string{"TestWycheproof"},
		},
		{
			name: "own-vectors", group: group, what: "this format's own vectors: slots and vaults written before",
			pkg: "keyring", tests: []string{"TestVectors", "TestVectorsByHand"}, each: "vector",
		},
		{
			name: "newer", group: group, what: "vaults and backups of formats to come: refused by every command, with the reason, and not a byte of them changed",
			pkg: "internal/faults", tests: []string{"TestNewerFormats"},
		},
		{
			name: "lengths", group: group, what: "what the lengths of records tell about values, names, hints and descriptions",
			pkg: "internal/faults", tests: []string{"TestLengthsTellLittle"},
		},
		{
			name: "supply", group: group, what: "modules that are not what go.sum says, and builds that differ: from another directory and home, and from nothing but sources",
			pkg: "internal/faults", tests: []string{"TestSupplyChain"}, full: []string{"-fresh"}, weight: 5, long: true,
		},
		{
			name: "own-vaults", group: group, what: "vaults of earlier versions, kept in testdata",
			pkg: "internal/vault", tests: []string{"TestFixture", "TestVectors"}, each: "test",
		},
	}
}

func attacks() []proof {
	const group = "Attacks by what goes in and out"
	return []proof{
		{
			name: "terminal-program", group: group, what: "text that steers terminals, in every argument, name, file and error of the program",
			pkg: "internal/faults", tests: []string{"TestHostileText"}, full: []string{"-whole"}, weight: 1,
		},
		{
			name: "terminal", group: group, what: "the same in each screen of the interface, drawn at three sizes",
			pkg: "tui", tests: []string{"TestHostileText", "TestCleanHostile"}, weight: 2,
		},
		{
			name: "terminal-plain", group: group, what: "the same for what cleans text, by properties",
			pkg: "internal/plain", tests: []string{"TestLines", "TestProperties"}, each: "test",
		},
		{
			name: "prompts", group: group, what: "questions on a terminal: interrupted, suspended, hung up, without one",
			pkg: "internal/prompt", tests: []string{"TestNothingSteersTheTerminal", "TestEnds", "TestSuspends", "TestHangUp", "TestNoTerminal", "TestDumbTerminal"}, each: "ending", weight: 1,
		},
		{
			name: "templates", group: group, what: "templates: braces in values, nesting, filters, encodings, lengths, 80 kinds of almost-placeholders",
			pkg: "resolver", tests: []string{"TestVectors", "TestManyValues", "TestSizes", "TestLimits", "TestChanged", "TestNothingWritten", "TestErrorNamesNoValue"}, each: "template", weight: 1,
		},
		{
			name: "corpus", group: group, what: "the same for the program: templates, values for headers and places for outputs, each with its reason (testdata of internal/faults)",
			pkg: "internal/faults", tests: []string{"TestHostileTemplates", "TestHostileHeaders", "TestHostilePaths"},
		},
		{
			name: "filters", group: group, what: "values with quotes and line ends through json, sh, url, xml and base64, read back by real parsers",
			pkg: "resolver", tests: []string{"FuzzJSON", "FuzzShell", "FuzzURL", "FuzzXML", "FuzzBase64", "TestShellWords"}, each: "text", weight: 1,
		},
		{
			name: "shown", group: group, what: "values in what the program prints, its errors and all files of the home: plain, base64, hex, for URLs and JSON",
			pkg: "internal/faults", tests: []string{"TestNoCommandShowsAValue"},
		},
		{
			name: "arguments", group: group, what: "values in the command line and environment of any process while they go in and out; values given as arguments",
			pkg: "internal/faults", tests: []string{"TestNothingInArguments"},
		},
		{
			name: "look-in", group: group, what: "processes of the same user that look into the program while a value is being read, and ends that could leave a core",
			pkg: "internal/faults", tests: []string{"TestNobodyLooksIn"},
		},
		{
			name: "hints", group: group, what: "hints of short, long, odd and structured values: never enough to guess them",
			pkg: "internal/vault", tests: []string{"TestHint"}, each: "test",
		},
		{
			name: "headers", group: group, what: "line ends in headers, redirects to other hosts, answers that never end or lie, wrong certificates",
			pkg:   "internal/apitool",
			tests: []string{"TestArguments", "TestValues", "TestAllowed", "TestRedirects", "TestRedirectLoop", "TestBroken", "TestSlow", "TestTLS", "TestNowhere", "TestPublic", "TestProblems", "TestEcho", "TestRedirectNamesNoScheme", "FuzzForm", "FuzzJSONBody", "FuzzParse"},
			each:  "attack", weight: 1,
		},
		{
			name: "paths", group: group, what: "links, pipes, devices, sockets and directories swapped in the place of an output",
			pkg:   "internal/atomicfile",
			tests: []string{"TestLinkRefused", "TestFollow", "TestFollowForEver", "TestLinkAfterwards", "TestDirectorySwapped", "TestFIFO", "TestFIFOLeft", "TestForeignFIFO", "TestDevice", "TestPipeByLink", "TestSocket", "TestFileLimit", "TestMode", "TestWarnDirectory"},
			each:  "attack",
		},
		{
			name: "imports", group: group, what: "files to import that are bombs, lies or no files of their kind",
			pkg: "internal/faults", tests: []string{"TestHostileImports"},
		},
		{
			name: "imports-parsers", group: group, what: "the same for the parsers alone, with what fuzzing found",
			pkg: "internal/importer", tests: []string{"FuzzEnv", "FuzzJSON", "FuzzYAML", "TestRefuses", "TestTooManyEntries", "TestValueIsNeverPrinted"}, each: "file",
		},
		{
			name: "archives", group: group, what: "backups that are cut, of another vault, links, pipes or no vaults, restored",
			pkg: "internal/faults", tests: []string{"TestHostileBackups"},
		},
		{
			name: "sockets", group: group, what: "the unlock agent: other users, planted sockets, strangers' frames, stalls, floods, replaced files",
			pkg: "internal/agent", tests: []string{"TestOtherUserConnects", "TestPlantedSocket", "TestRefusesPlaces", "TestReplaced", "TestOtherFile", "TestStalls", "TestFull", "TestNotUTF8", "TestLeavesNothing", "TestEnds", "TestManyClients", "TestLyingServer", "FuzzConnection"}, each: "attack", weight: 1,
		},
		{
			name: "sockets-users", group: group, what: "the agent of one user and the commands of another; an agent that is stopped; needs root",
			pkg: "internal/e2e", tests: []string{"TestAgentOfAnotherUser", "TestStoppedAgent"}, each: "attack",
		},
		{
			name: "ssh", group: group, what: "the server for SSH: strangers, keys offered but not owned, certificates, forwarding, file transfer, crowds, slow logins, hostile terminals",
			pkg: "internal/bastion",
			tests: []string{
				"TestStrangersStayOutside", "TestOfferedKeyIsNotIdentity", "TestCertificatesAreRefused", "TestOnlySessions", "TestFileTransferIsRefused", "TestForwardingByOpenSSH",
				"TestHostileTerminals", "TestPanicEndsOneSession", "TestCrowdBeforeTheDoor", "TestLoginDeadline", "TestBackOff", "TestConnectionsAreBounded",
				"TestSessionsOfOneConnectionAreBounded", "TestNothingIsLeftBehind", "TestRefusesWithoutAWayIn", "TestHostKeyFile",
			},
			each: "attack", weight: 2,
		},
		{
			name: "ssh-crowd", group: group, what: "OpenSSH clients that are killed in the middle leave nothing in the server; a log that takes no more",
			pkg: "internal/e2e", tests: []string{"TestServerAfterACrowd", "TestServerWithoutRoom"}, each: "test", weight: 1,
		},
		{
			name: "ssh-commands", group: group, what: "commands over SSH: shells, paths on the server, flags that reach the host, odd texts, revoked members, twenty interfaces at once",
			pkg: "internal/cli", tests: []string{"TestServeOddCommands", "TestServeOptions", "TestServeCall", "TestServeRevoked", "TestServeEndsWithItsKey", "TestServeLog", "TestServePermissions", "TestServeManyInterfaces"}, each: "test", weight: 4, long: true,
		},
		{
			name: "agents", group: group, what: "agents by the Model Context Protocol: hostile lines, floods, other projects, changed tools, values in answers",
			pkg: "internal/mcp", tests: []string{"TestHostileLines", "TestEndlessLine", "TestFlood", "TestNothingElse", "TestRefused", "TestOtherProject", "TestFixed", "TestOnly", "TestMaxCalls", "TestMarks", "TestPrompts"}, each: "attack", weight: 1,
		},
		{
			name: "leaks", group: group, what: "values in output: all encodings, any pieces, overlapping, against a slow reference",
			pkg: "internal/leak", tests: []string{"TestAgainstReference", "TestOverlaps", "TestOneByteWrites", "TestHeld", "TestBounded"}, each: "test", weight: 1,
		},
		{
			name: "audit", group: group, what: "histories and the server's log changed, cut, joined, of another server",
			pkg: "internal/audit", tests: []string{"TestChainNoticesEveryChange", "TestLogNoticesChanges", "TestLogOfAnotherServer"}, each: "test",
		},
		{
			name: "transcripts", group: group, what: "every command and exit code, on the real file",
			pkg: "internal/cli", tests: []string{"TestScripts"}, each: "transcript", weight: 5, long: true,
		},
	}
}
