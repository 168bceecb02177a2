# Everything here works for an ordinary user, changes nothing outside this folder and $XDG_CACHE_HOME/atoll,
# and takes what it needs from Debian's archive with signatures checked by apt.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.PHONY: deps build embedded

MIRROR ?= http://deb.debian.org/debian
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
