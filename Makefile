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
DEPS := .deps/usr/lib/static/done-3

# Static libraries and headers of Debian's -dev packages, of the running Debian, unpacked here and not installed.
deps: $(DEPS)
$(DEPS):
	@root=$$PWD/.deps/apt
	mkdir -p $$root/lists/partial $$root/cache/archives/partial $$root/debs .deps/usr/lib/static
	. /etc/os-release
	signed="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(MIRROR) $$VERSION_CODENAME main"
	printf 'deb %s\ndeb-src %s\n' "$$signed" "$$signed" > $$root/sources.list
	# What this host has installed, perhaps in newer versions, is nothing to go by.
	: > $$root/status
	opts="-o Dir::State::status=$$root/status -o Dir::State::Lists=$$root/lists -o Dir::Cache=$$root/cache -o Dir::Etc::SourceList=$$root/sources.list"
	opts="$$opts -o Dir::Etc::SourceParts=- -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Acquire::Languages=none"
	echo "atoll: fetching libseccomp, zstd, zlib, jansson, liburing, libslirp and glib for $$VERSION_CODENAME (private, not installed)"
	apt-get $$opts -qq update
	(cd $$root/debs && rm -f *.deb && apt-get $$opts -qq download libseccomp-dev libzstd-dev zlib1g-dev libjansson-dev \
	  liburing-dev libglib2.0-dev libpcre2-dev)
	for deb in $$root/debs/*.deb; do dpkg-deb -x $$deb .deps; done
	triplet=$$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch)
	for lib in seccomp zstd z jansson uring glib-2.0 pcre2-8; do cp .deps/usr/lib/$$triplet/lib$$lib.a .deps/usr/lib/static/; done
	for dir in .deps/usr/include/$$triplet; do if [ -d $$dir ]; then cp $$dir/*.h .deps/usr/include/; fi; done
	cp .deps/usr/lib/$$triplet/glib-2.0/include/glibconfig.h .deps/usr/include/glib-2.0/
	# Debian has no static libslirp: compiled from Debian's source package, which apt has checked.
	source=$$root/libslirp; rm -rf $$source; mkdir -p $$source
	(cd $$source && apt-get $$opts -qq source --download-only libslirp && tar -xf libslirp_*.orig.tar.* --strip-components 1)
	Scripts/libslirp.sh $$source $$PWD/.deps/usr $$source/objects clang ar
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

.PHONY: debian
# Disk images with Debian 14, once: make run ARGS="--disk FILE --net user --append root=/dev/vda", FILE being the first that
# this prints; the second is the same behind GRUB, for --firmware. Of MIRROR, as the guest's own sources.
debian: embedded guest
	@$(ATOLL) guest debian --mirror $(MIRROR) $(FETCH)

run: embedded guest
	@exec $(ATOLL) run $(ARGS)

# The differential tests need QEMU's user-mode emulator, the system tests a guest and the Embedded programs, the tests of KVM's
# numbers Linux's headers.
test: embedded guest
	@$(ATOLL) guest fetch --firmware --mirror $(MIRROR) $(FETCH) > /dev/null
	@$(ATOLL) guest fetch --qemu-user --mirror $(MIRROR) $(FETCH) > /dev/null
	@$(ATOLL) guest fetch --kernel-headers --mirror $(MIRROR) $(FETCH) > /dev/null
	swift test

# The tests under AddressSanitizer, then those of the shared-memory protocols under ThreadSanitizer. Swift 6.3.1's compiler
# crashes on SoftHypervisor and BlockEngine with the latter ("Invalid bitcast"), so that the package leaves out what depends on it.
test-sanitize: embedded
	@export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0
	swift test --sanitize=address --scratch-path .build-address --skip SystemTests --skip SandboxTests --skip DifferentialTests
	ATOLL_THREAD_SANITIZER=1 swift test --sanitize=thread --scratch-path .build-thread \
	  --filter DeviceBusTests --filter DeviceProcessTests --filter VirtqueueTests --filter PCIeProcessTests --filter KVMGenericTests --filter KVMHypervisorTests

# QEMU's system emulator of the guest's Debian and other people's vhost-user back-ends, each in a private root.
bench-peer: cli
	@$(ATOLL) guest fetch --qemu-system --mirror $(MIRROR) $(FETCH)
	$(ATOLL) guest fetch --vhost-user --mirror $(MIRROR) $(FETCH)

.PHONY: loong64
# Every runtime-free program for LoongArch64 Linux, on an x86_64 machine: .build-loong64/atoll-loong64.tar.gz.
loong64: $(DEPS)
	@MIRROR=$(MIRROR) Scripts/Loong64/build.sh

.PHONY: test-loong64
# The programs of `make loong64` under QEMU's user-mode emulator, and all together on Debian's LoongArch64 kernel in a guest.
test-loong64: loong64 embedded guest
	@$(ATOLL) guest fetch --qemu-user --mirror $(MIRROR) $(FETCH) > /dev/null
	swift test --filter Loong64

.PHONY: test-interop
# Other people's back-ends with our front-end and under our guests, and our back-ends with QEMU as front-end: Debian forky's,
# in private roots.
test-interop: embedded guest
	@$(ATOLL) guest fetch --vhost-user --mirror $(MIRROR) $(FETCH) > /dev/null
	$(ATOLL) guest fetch --qemu-system --mirror $(MIRROR) $(FETCH) > /dev/null
	ATOLL_INTEROP_ROOT=$${XDG_CACHE_HOME:-$$HOME/.cache}/atoll/vhost-user swift test --filter Interop

.PHONY: bench
# Atoll measured, and QEMU beside it if `make bench-peer` has set it up: make bench ONLY=boot,float RUNS=3.
# ONLY names some of boot, integer, float, registers, kvm, idle, output, disk, kill.
bench: embedded guest
	@swift build -c release --product atoll-bench
	swift build -c release --product kvm-peer
	.build/release/atoll-bench RUNS=$(or $(RUNS),5) ONLY=$(ONLY)

.PHONY: bench-alone
# Back-ends without a guest, driven by a front-end of ours: requests a second on one core for block, and a round of work for
# the others.
bench-alone: embedded
	@swift build -c release --product atoll-vhost-bench
	bench=.build/release/atoll-vhost-bench; programs=.build-embedded/release; folder=$$(mktemp -d); trap 'rm -rf $$folder' EXIT
	dd if=/dev/urandom of=$$folder/disk.img bs=1M count=256 status=none
	for load in "" "--packed" "--size 1048576 --sequential --depth 4"; do
	  $$bench --pin --sleep --seconds 3 $$load --listening -- $$programs/atoll-block --fd={fd} --blk-file=$$folder/disk.img
	done
	$$bench --device rng --connected -- $$programs/atoll-rng --fd={fd}
	$$bench --device net --connected -- $$programs/atoll-net --user --fd={fd}
	$$bench --device vsock --uds-path $$folder/vsock --connected -- $$programs/atoll-vsock --guest-cid=3 --uds-path=$$folder/vsock --fd={fd}
