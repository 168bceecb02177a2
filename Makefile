# Everything here works for an ordinary user, changes nothing outside this folder and $XDG_CACHE_HOME/atoll,
# and takes what it needs from Debian's archive with signatures checked by apt.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.PHONY: deps embedded fuzz cli guest run test test-sanitize bench bench-peer

MIRROR ?= http://deb.debian.org/debian
# More options for `atoll guest fetch`, such as FETCH=--allow-stale-archive, and for `atoll run`, such as ARGS="--cpus 2".
FETCH ?=
ARGS ?=
ATOLL := .build/release/atoll
DEPS := .deps/usr/lib/static/done

# Static libraries and headers of Debian's -dev packages, of the running Debian, unpacked here and not installed.
deps: $(DEPS)
$(DEPS):
	@root=$$PWD/.deps/apt
	mkdir -p $$root/lists/partial $$root/cache/archives/partial $$root/debs .deps/usr/lib/static
	. /etc/os-release
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(MIRROR) $$VERSION_CODENAME main" > $$root/sources.list
	opts="-o Dir::State::Lists=$$root/lists -o Dir::Cache=$$root/cache -o Dir::Etc::SourceList=$$root/sources.list"
	opts="$$opts -o Dir::Etc::SourceParts=- -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Acquire::Languages=none"
	echo "atoll: fetching libseccomp, zstd, zlib and jansson for $$VERSION_CODENAME (private, not installed)"
	apt-get $$opts -qq update
	(cd $$root/debs && rm -f *.deb && apt-get $$opts -qq download libseccomp-dev libzstd-dev zlib1g-dev libjansson-dev)
	for deb in $$root/debs/*.deb; do dpkg-deb -x $$deb .deps; done
	triplet=$$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch)
	for lib in seccomp zstd z jansson; do cp .deps/usr/lib/$$triplet/lib$$lib.a .deps/usr/lib/static/; done
	for dir in .deps/usr/include/$$triplet; do if [ -d $$dir ]; then cp $$dir/*.h .deps/usr/include/; fi; done
	touch $@

# What `make run` starts: the Embedded release build.
embedded: $(DEPS)
	@ATOLL_EMBEDDED=1 swift build -c release --disable-local-rpath --scratch-path .build-embedded

# Fuzzes one target with libFuzzer and AddressSanitizer: make fuzz TARGET=serial SECONDS=60. Without TARGET it lists them.
# Inputs that break a promise are kept in Tests/Fuzzing/Regressions; what it learns stays in .build-fuzz/corpus.
fuzz: $(DEPS)
	@export ATOLL_FUZZ=1 SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0 TARGET="$(TARGET)"
	swift build -c release -Xswiftc -sanitize=fuzzer,address --product atoll-fuzz --scratch-path .build-fuzz
	learned=.build-fuzz/corpus/$(TARGET); kept=Tests/Fuzzing/Regressions/$(TARGET); given=Tests/Fuzzing/Corpus/$(TARGET)
	mkdir -p $$learned $$kept $$given
	.build-fuzz/release/atoll-fuzz --write-seeds $$learned
	.build-fuzz/release/atoll-fuzz -max_total_time=$(or $(SECONDS),60) -use_value_profile=1 -max_len=16384 -timeout=10 \
	  -artifact_prefix=$$kept/ -print_final_stats=1 $$learned $$given $$kept

# The command `atoll`: ordinary Swift with ordinary packages.
cli: $(DEPS)
	@swift build -c release --product atoll

# Kernel and initial RAM disk, once.
guest: cli
	@$(ATOLL) guest fetch --mirror $(MIRROR) $(FETCH) > /dev/null

run: embedded guest
	@exec $(ATOLL) run $(ARGS)

# The differential tests need QEMU's user-mode emulator, the system tests a guest and the Embedded programs.
test: embedded guest
	@$(ATOLL) guest fetch --qemu-user --mirror $(MIRROR) $(FETCH) > /dev/null
	swift test

# The tests under AddressSanitizer, then those of the shared-memory protocols under ThreadSanitizer. Swift 6.3.1's compiler
# crashes on SoftHypervisor with the latter ("Invalid bitcast"), so that the package leaves out what depends on it.
test-sanitize: embedded
	@export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0
	swift test --sanitize=address --scratch-path .build-address --skip SystemTests --skip SandboxTests --skip DifferentialTests
	ATOLL_THREAD_SANITIZER=1 swift test --sanitize=thread --scratch-path .build-thread \
	  --filter DeviceBusTests --filter DeviceProcessTests

# QEMU's system emulator of the guest's Debian, in a private root, to be compared with.
bench-peer: cli
	@$(ATOLL) guest fetch --qemu-system --mirror $(MIRROR) $(FETCH)

.PHONY: bench
# Atoll measured, and QEMU beside it if `make bench-peer` has set it up: make bench ONLY=boot,float RUNS=3.
# ONLY names some of boot, integer, float, registers, idle, output, kill.
bench: embedded guest
	@swift build -c release --product atoll-bench
	.build/release/atoll-bench RUNS=$(or $(RUNS),5) ONLY=$(ONLY)
