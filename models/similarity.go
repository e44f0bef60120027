package models

import (
	"cmp"
	"slices"
	"unicode"
)

const (
	// duplicateSimilarity is the least similarity of two subjects that may mean the same matter.
	duplicateSimilarity = 0.5
	// maxDuplicates bounds how many possible duplicates a caller is shown.
	maxDuplicates = 5
)

// SimilarCase is a case whose subject resembles another one; Similarity is 0.5 to 1.
type SimilarCase struct {
	CaseHead
	Similarity float64
}

// PossibleDuplicates picks the cases whose subject resembles the given one, the most similar first and the newest first
// among equals, at most five.
func PossibleDuplicates(subject string, recent []CaseHead) []SimilarCase {
	similar := []SimilarCase{}
	for _, head := range recent {
		if s := Similarity(subject, head.Subject); s >= duplicateSimilarity {
			similar = append(similar, SimilarCase{head, s})
		}
	}
	slices.SortStableFunc(similar, func(a, b SimilarCase) int {
		return cmp.Or(cmp.Compare(b.Similarity, a.Similarity), b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return similar[:min(len(similar), maxDuplicates)]
}

// Similarity compares two short texts in any script: the Dice coefficient of their pairs of neighbouring letters and
// digits, 0 for nothing in common and 1 for equal but for case, width, blanks and punctuation. Pairs need no words, so
// Chinese and English are treated alike, and another order of the words costs little.
func Similarity(a, b string) float64 {
	pairsA, sizeA := pairs(a)
	pairsB, sizeB := pairs(b)
	if sizeA+sizeB == 0 {
		return 0
	}
	shared := 0
	for pair, n := range pairsA {
		shared += min(n, pairsB[pair])
	}
	return 2 * float64(shared) / float64(sizeA+sizeB)
}

// pairs counts the pairs of neighbouring letters and digits of a text, those of its beginning and end included, and how
// many there are in all.
func pairs(text string) (map[[2]rune]int, int) {
	counted, size := map[[2]rune]int{}, 0
	previous := rune(0)
	pair := func(r rune) {
		if r != 0 || previous != 0 {
			counted[[2]rune{previous, r}]++
			size++
		}
		previous = r
	}
	for _, r := range text {
		if r = halfWidth(r); unicode.IsLetter(r) || unicode.IsNumber(r) {
			pair(unicode.ToLower(r))
		}
	}
	pair(0)
	return counted, size
}

// halfWidth is the ASCII sign of a full-width form; they stand at a fixed distance.
func halfWidth(r rune) rune {
	if r >= '！' && r <= '～' {
		r -= '！' - '!'
	}
	return r
}
