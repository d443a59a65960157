// Reads a folder of static log files with golang.org/x/mod/sumdb, an implementation that is not ours.
//
// It opens the checkpoint with the log's key, computes the root out of the tiles, checks every entry
// of every bundle with an inclusion proof, and the consistency of every smaller tree.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type folder string

func (f folder) Height() int                     { return height }
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}
func (f folder) ReadTiles(t []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range t {
		data, err := os.ReadFile(f.path(strconv.Itoa(tile.L), tile.N, tile.W))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (f folder) path(level string, n int64, width int) string {
	groups := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		groups = fmt.Sprintf("x%03d/%s", n%1000, groups)
	}
	name := "tile/" + level + "/" + groups
	if width != 1<<height {
		name += fmt.Sprintf(".p/%d", width)
	}
	return filepath.Join(string(f), name)
}

func read(name string) []byte {
	data, err := os.ReadFile(name)
	check(err)
	return data
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	f := folder(os.Args[1])
	verifier, err := note.NewVerifier(strings.TrimSpace(string(read(filepath.Join(os.Args[1], "vkey")))))
	check(err)
	signed, err := note.Open(read(filepath.Join(os.Args[1], "checkpoint")), note.VerifierList(verifier))
	check(err)
	lines := strings.Split(signed.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	raw, err := base64.StdEncoding.DecodeString(lines[2])
	check(err)
	var root tlog.Hash
	copy(root[:], raw)

	hashes := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, f)
	computed, err := tlog.TreeHash(size, hashes)
	check(err)
	if computed != root {
		log.Fatalf("root is %v, not %v", computed, root)
	}
	index := int64(0)
	for index < size {
		width := min(int64(1)<<height, size-index)
		data := read(f.path("entries", index>>height, int(width)))
		for ; width > 0; width-- {
			length := int(binary.BigEndian.Uint16(data))
			proof, err := tlog.ProveRecord(size, index, hashes)
			check(err)
			check(tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(data[2:2+length])))
			data = data[2+length:]
			index++
		}
		if len(data) > 0 {
			log.Fatal("a bundle is longer than its entries")
		}
	}
	for old := int64(1); old < size; old++ {
		before, err := tlog.TreeHash(old, hashes)
		check(err)
		proof, err := tlog.ProveTree(size, old, hashes)
		check(err)
		check(tlog.CheckTree(proof, size, root, old, before))
	}
	fmt.Printf("%d entries\n", size)
}
