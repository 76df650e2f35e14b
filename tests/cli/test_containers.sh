#!/bin/sh
# SPDX-License-Identifier: MIT
# A trace is the same in every compression and archive that is read, in each other too, whatever the file's name; what is
# not read is named, with what to do. Text has line ends, marks and lines of several producers.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/c.db
cd "$work" || exit 1
replay() { "$VIRTSIM" replay "$@" --quiet --db "$db"; }
count() { sqlite3 "$db" "select coalesce(sum(value), 0) from counter where run = (select max(run) from run) and name = 'cpu.loads'"; }
# reads "what" COUNT FILE [OPTION...]: that many loads
reads() {
    what=$1 want=$2
    shift 2
    ok "$what" replay "$@"
    equal "$what: loads" "$want" "$(count)"
}
awk 'BEGIN { for (i = 0; i < 5000; i++) printf " L %08x,8\n", 1073741824 + 8 * i }' >t.lk
awk 'BEGIN { for (i = 0; i < 3; i++) printf " L %08x,8\n", 1342177280 + 8 * i }' >s.lk

# compressions; several streams in one file; each of them cut
for c in gzip xz bzip2 zstd lz4; do
    command -v $c >/dev/null || continue
    $c -c <t.lk >x 2>/dev/null
    reads "$c" 5000 x
    cat x x >xx
    reads "$c, two streams" 10000 xx
    $c -c <x >y 2>/dev/null
    reads "$c in $c" 5000 y
    reads "$c through a pipe" 5000 - <x
    head -c $(($(wc -c <x) * 2 / 3)) x >cut
    replay cut >out 2>err # with what came before the cut, if anything did
    equal "$c, cut" "1 1" "$(($? > 0)) $(grep -c truncated err)"
    equal "$c, cut: where" 1 "$(grep -cE "^virtsim: cut: (after record [1-9][0-9]*|before its first record), at byte offset [0-9]+ of the decompressed trace: the $c stream is truncated: the file is cut off at its byte $(wc -c <cut);" err)"
done
python3 - <<'PYTHON'
import bz2, gzip, io, lzma, tarfile, zipfile
t, s = open("t.lk", "rb").read(), open("s.lk", "rb").read()
def tar(name, members, form=tarfile.GNU_FORMAT, mode="w"):
    with tarfile.open(name, mode, format=form) as f:
        for n, data in members:
            i = tarfile.TarInfo(n)
            if data is None:
                i.type = tarfile.DIRTYPE
            else:
                i.size = len(data)
            f.addfile(i, io.BytesIO(data or b""))
def zip(name, members):
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as f:
        for n, data in members:
            f.writestr(n, data)
    return open(name, "rb").read()
for n, form in ("ustar", tarfile.USTAR_FORMAT), ("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT):
    tar(n, [("a/" + "long" * 40 + "/t.lk" if n != "ustar" else "t.lk", t)], form)
tar("tgz", [("t.lk", t)], mode="w:gz")
tar("txz", [("t.lk", t)], mode="w:xz")
tar("two", [("d", None), ("d/t.lk", t), ("d/s.lk", s)])
tar("noend", [("t.lk", t[:-1] + b"\n L 40000000,8"), ("s.lk", s)])
tar("readme", [("README", b"These traces were made on a Tuesday.\n"), ("._t.lk", b"\0\5\26\7"), ("t.lk", t), ("empty", b"")])
tar("onlyreadme", [("README", b"These traces were made on a Tuesday.\n")])
tar("inner", [("t.lk.gz", gzip.compress(t)), ("s.lk.xz", lzma.compress(s)), ("s.lk.bz2", bz2.compress(s))])
z = zip("zip", [("t.lk", t)])
tar("tarzip", [("z.zip", z), ("s.lk", s)])
zip("ziptar", [("t.tar", open("two", "rb").read())])
deep = t
for _ in range(20):
    deep = gzip.compress(deep)
open("deep", "wb").write(deep)
open("loose", "wb").write(b"I 400500,3\nL 0x7FFF1234,8\n S  7fff1240,4 \n\nM 10,1\n L 20,8\r\n L 28,8\n--12-- warning\n")
open("crlf", "wb").write(t.replace(b"\n", b"\r\n"))
open("cr", "wb").write(t.replace(b"\n", b"\r"))
open("bom", "wb").write(b"\xef\xbb\xbf" + t)
open("banners", "wb").write(b"--7-- debug\n==7== Lackey\n\n" + t + b"==7== end\n--7-- more\n" + s + b"==8== end of another\n")
open("utf16", "wb").write(t.decode().encode("utf-16"))
open("xdin", "wb").write(b"r 1000 8\nw 0x1008 4\ni 2000 3\nm 1010 10\nc 1000 40\nv 1000 40\nR 1020 1\n")
for n, magic in ("7z", b"7z\xbc\xaf\x27\x1c\0\4"), ("rar", b"Rar!\x1a\x07\x01\0"), ("snappy", b"\xff\x06\0\0sNaPpY"), ("lzop", b"\x89LZO\0\r\n\x1a\n"), ("lzma", b"\x5d\0\0\x80\0"), ("zlib", b"\x78\x9c\x4b\x4c"), ("cpio", b"070701"), ("UTF-16", b"\xff\xfe \0L\0"):
    open("no_" + n, "wb").write(magic + bytes(range(200, 250)))
open("some.br", "wb").write(b"\x8b\x02\x80abc")
PYTHON
for f in ustar gnu pax tgz txz zip; do
    reads "$f" 5000 $f
    cp $f t.trace
    reads "$f under another name" 5000 t.trace
done
reads "two traces in a tar" 5003 two
reads "the last line of a member without its end" 5004 noend
reads "a tar with a README" 5000 readme
refused "nothing but a README" 2 "none of the 1 files" replay onlyreadme
reads "compressed traces in a tar" 5006 inner
reads "a zip in a tar" 5003 tarzip
reads "a tar in a zip" 5003 ziptar
refused "too deep" 2 "more than 8" replay deep
head -c 40000 gnu >cut
refused "a tar cut off" 1 "truncated" replay cut
for f in crlf cr bom; do
    reads "$f" 5000 $f
    gzip -c $f >x
    reads "$f, compressed" 5000 x
done
reads "banners, blank lines, another trace's end in the middle" 5003 banners
reads "as other producers write it" 4 loose
reads "Dinero IV's extended din" 3 xdin --trace-format din
reads "and recognised" 3 xdin
for n in 7z rar snappy lzop lzma zlib cpio UTF-16; do
    refused "$n is named, with what to do" 2 "$n" replay no_$n
    refused "$n" 2 "virtsim replay -" replay no_$n
done
refused "brotli, which only its name tells" 2 "brotli -dc" replay some.br
refused "a line that is cut" 1 "echo >>FILE" sh -c "printf ' L 40000000,8\n L 40000000,8' | '$VIRTSIM' replay - --db '$db'"
finish
