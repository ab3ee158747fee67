package authn

import (
	_ "embed" // the list of common words
	"slices"
	"strings"
	"unicode"

	"symbolon.dev"
)

// common are words and phrases of which guessable passwords are made.
//
//go:embed common.txt
var common string

// keyboards are the runs that fingers walk; those of the alphabet and digits need no list.
var keyboards = []string{"qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn",
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm", "qazwsxedcrfvtgbyhnujm", "1q2w3e4r5t6y7u8i9o0p", "!@#$%^&*()"}

// A password is weighed by the different pieces that it falls into.
const (
	charWeight  = 1 // a character that is part of nothing known
	pieceWeight = 2 // a known word, a run, a walk on the keyboard, a number
	enough      = 8 // four words, or eight unrelated characters

	shortestWord = 3
	longestWord  = 64
	shortestRun  = 3
	longestDate  = 8
)

// guessable refuses a password that is made of too few different pieces that guessers try first:
// common words, names, the person's and the product's own names, runs on the keyboard, numbers,
// one thing repeated. Each common word thus stands for thousands of entries of a blocklist.
func guessable(normal, product string, user *symbolon.User) error {
	words := wordSet(product, user)
	text := []rune(strings.Map(plain, strings.ToLower(normal)))
	text = slices.DeleteFunc(text, separates)
	undisguised := []rune(strings.Map(letterFor, string(text)))
	if min(weigh(text, words), weigh(undisguised, words)) >= enough {
		return nil
	}
	return symbolon.Errorf(symbolon.Invalid, "this password is easy to guess: it is made of common words, names or runs; take several unrelated words")
}

func wordSet(product string, user *symbolon.User) map[string]bool {
	words := make(map[string]bool, 2048)
	for _, w := range strings.Fields(common) {
		words[w] = true
	}
	for _, own := range []string{product, "symbolon", user.Login, user.Name, user.Email, string(user.Organisation), user.Department} {
		own = strings.Map(plain, strings.ToLower(own))
		words[string(slices.DeleteFunc([]rune(own), separates))] = true
		for _, w := range strings.FieldsFunc(own, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			words[w] = true
		}
	}
	return words
}

// separates are characters between words, which change nothing for a guesser.
func separates(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("-_.", r) }

// weigh splits a text where it weighs least, and adds up the pieces that differ.
func weigh(text []rune, words map[string]bool) int {
	cost, from := make([]int, len(text)+1), make([]int, len(text)+1)
	for end := 1; end <= len(text); end++ {
		cost[end], from[end] = cost[end-1]+charWeight, end-1
		for start := range end - 1 {
			if cost[start]+pieceWeight < cost[end] && known(text[start:end], words) {
				cost[end], from[end] = cost[start]+pieceWeight, start
			}
		}
	}
	distinct := map[string]int{}
	for end := len(text); end > 0; end = from[end] {
		distinct[string(text[from[end]:end])] = cost[end] - cost[from[end]]
	}
	weight := 0
	for _, w := range distinct {
		weight += w
	}
	return weight
}

func known(part []rune, words map[string]bool) bool {
	if isRun(part) || isNumber(part) {
		return true
	}
	text := string(part)
	return len(part) >= shortestWord && len(part) <= longestWord && (words[text] || isWalk(text))
}

// isRun reports steps of one size: "abcdef", "987654", "aaaaaa", "2468".
func isRun(part []rune) bool {
	if len(part) < shortestRun {
		return false
	}
	step := part[1] - part[0]
	if step < -2 || step > 2 {
		return false
	}
	for i := 2; i < len(part); i++ {
		if part[i]-part[i-1] != step && !(step == 1 && part[i-1] == '9' && part[i] == '0') {
			return false
		}
	}
	return true
}

func isNumber(part []rune) bool {
	return len(part) <= longestDate && !slices.ContainsFunc(part, func(r rune) bool { return r < '0' || r > '9' })
}

func isWalk(text string) bool {
	for _, row := range keyboards {
		if strings.Contains(row, text) || strings.Contains(row, reversed(text)) {
			return true
		}
	}
	return false
}

func reversed(text string) string {
	runes := []rune(text)
	slices.Reverse(runes)
	return string(runes)
}

// plain takes the commonest accents off, so that "contraseña" is found.
func plain(r rune) rune {
	const accented, bare = "àáâãäåçèéêëìíîïñòóôõöùúûüýÿ", "aaaaaaceeeeiiiinooooouuuuyy"
	if i := slices.Index([]rune(accented), r); i >= 0 {
		return rune(bare[i])
	}
	return r
}

// letterFor undoes the usual disguises: "p4$$w0rd".
func letterFor(r rune) rune {
	const disguises, letters = "0134578@$!+", "oieastbasit"
	if i := strings.IndexRune(disguises, r); i >= 0 {
		return rune(letters[i])
	}
	return r
}
