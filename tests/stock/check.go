// Runs the code behind Go's checksum database (golang.org/x/mod/sumdb) on a bundle: notes,
// inclusion and consistency proofs, tiles; then compares all proofs of 512 sizes, and mutants.
// usage: check BUNDLE PROOFS_DIGEST MUTANTS
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Println("FAIL:", err)
		os.Exit(1)
	}
}

func read(path string) []byte {
	data, err := os.ReadFile(filepath.Join(os.Args[1], path))
	must(err)
	return data
}

// cosigner verifies cosignature/v1 lines (type 0x04), which the library does not know.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 72 {
		return false
	}
	text := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(c.key, []byte(text), sig[8:])
}

func verifiers() (note.Verifier, []note.Verifier) {
	var log note.Verifier
	var all []note.Verifier
	for _, line := range strings.Split(string(read("trust/tlog-policy")), "\n") {
		words := strings.Fields(line)
		if len(words) == 2 && words[0] == "log" {
			v, err := note.NewVerifier(words[1])
			must(err)
			log = v
			all = append(all, v)
		} else if len(words) == 3 && words[0] == "witness" {
			parts := strings.SplitN(words[2], "+", 3)
			hash, err := strconv.ParseUint(parts[1], 16, 32)
			must(err)
			key, err := base64.StdEncoding.DecodeString(parts[2])
			must(err)
			all = append(all, cosigner{parts[0], uint32(hash), key[1:]})
		}
	}
	return log, all
}

func parse(text string) (int64, tlog.Hash, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return 0, tlog.Hash{}, fmt.Errorf("no checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return 0, tlog.Hash{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return size, root, err
}

// tiles reads our files as the library's tiles.
type tiles struct{}

func (tiles) Height() int { return 8 }
func (tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range list {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(os.Args[1], path))
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func leaves(size int64) [][]byte {
	var out [][]byte
	for n := int64(0); int64(len(out)) < size; n++ {
		path := fmt.Sprintf("tile/entries/%03d", n)
		if rest := size - n*256; rest < 256 {
			path += fmt.Sprintf(".p/%d", rest)
		}
		for data := read(path); len(data) > 0; {
			length := int(binary.BigEndian.Uint16(data))
			out = append(out, data[2:2+length])
			data = data[2+length:]
		}
	}
	return out
}

func proofOf(index int) (tlog.RecordProof, int64) {
	lines := strings.Split(string(read(fmt.Sprintf("proofs/%d.tlog-proof", index))), "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "index ") {
		must(fmt.Errorf("proof %d has another form", index))
	}
	n, err := strconv.ParseInt(lines[1][6:], 10, 64)
	must(err)
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		if line == "" {
			break
		}
		hash, err := tlog.ParseHash(line)
		must(err)
		proof = append(proof, hash)
	}
	return proof, n
}

// allProofs is SHA-256 over every inclusion and consistency proof of the sizes 1 to 512.
func allProofs() string {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	sum := sha256.New()
	for size := int64(1); size <= 512; size++ {
		var leaf [8]byte
		binary.BigEndian.PutUint64(leaf[:], uint64(size-1))
		hashes, err := tlog.StoredHashes(size-1, leaf[:], reader)
		must(err)
		stored = append(stored, hashes...)
		for i := int64(0); i < size; i++ {
			proof, err := tlog.ProveRecord(size, i, reader)
			must(err)
			for _, h := range proof {
				sum.Write(h[:])
			}
			tree, err := tlog.ProveTree(size, i+1, reader)
			must(err)
			for _, h := range tree {
				sum.Write(h[:])
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func main() {
	log, all := verifiers()
	checkpoint := read("checkpoint")
	opened, err := note.Open(checkpoint, note.VerifierList(all...))
	must(err)
	if len(opened.Sigs) != len(all) || len(opened.UnverifiedSigs) != 0 {
		must(fmt.Errorf("%d of %d signatures verified", len(opened.Sigs), len(all)))
	}
	size, root, err := parse(opened.Text)
	must(err)
	entries := leaves(size)
	for i := range entries {
		proof, n := proofOf(i)
		must(tlog.CheckRecord(proof, size, root, n, tlog.RecordHash(entries[i])))
	}
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, tiles{})
	for old := int64(1); old <= size; old++ {
		before, err := tlog.TreeHash(old, reader)
		must(err)
		proof, err := tlog.ProveTree(size, old, reader)
		must(err)
		must(tlog.CheckTree(proof, size, root, old, before))
	}
	fmt.Println("accepted", size)
	if got := allProofs(); got != os.Args[2] {
		must(fmt.Errorf("proofs differ: %s", got))
	}
	fmt.Println("proofs equal")

	mutants, err := strconv.Atoi(os.Args[3])
	must(err)
	random := rand.New(rand.NewSource(20261123))
	split := bytes.Index(checkpoint, []byte("\n\n"))
	for i := 0; i < mutants; i++ {
		survived := false
		switch at := random.Intn(len(entries)); i % 4 {
		case 0: // the text of the checkpoint
			bad := append([]byte(nil), checkpoint...)
			bad[random.Intn(split)] ^= 1 << uint(random.Intn(8))
			_, err := note.Open(bad, note.VerifierList(log))
			survived = err == nil
		case 1: // a leaf
			bad := append([]byte(nil), entries[at]...)
			bad[random.Intn(len(bad))] ^= 1 << uint(random.Intn(8))
			proof, n := proofOf(at)
			survived = tlog.CheckRecord(proof, size, root, n, tlog.RecordHash(bad)) == nil
		case 2: // a hash of a proof
			proof, n := proofOf(at)
			proof[random.Intn(len(proof))][random.Intn(32)] ^= 1 << uint(random.Intn(8))
			survived = tlog.CheckRecord(proof, size, root, n, tlog.RecordHash(entries[at])) == nil
		case 3: // the place
			proof, n := proofOf(at)
			n = (n + 1 + random.Int63n(size-1)) % size
			survived = tlog.CheckRecord(proof, size, root, n, tlog.RecordHash(entries[at])) == nil
		}
		if survived {
			must(fmt.Errorf("mutant %d survived", i))
		}
	}
	fmt.Println("refused", mutants)
}
