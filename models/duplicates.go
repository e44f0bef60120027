package models

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
)

const (
	// duplicateScore is the least score of clients that may be one.
	duplicateScore = 0.6
	// namesAlike is the least similarity of names that says anything at all.
	namesAlike = 0.5
	// MaxClientDuplicates bounds how many possible duplicates of a client a caller is shown.
	MaxClientDuplicates = 20
	// maxReasons bounds the reasons that are told of one possible duplicate.
	maxReasons = 10
	// phoneTail is how many digits of a phone number are compared: the same number is written with and without the codes of
	// country and trunk. Fewer than phoneLeast are no number.
	phoneTail, phoneLeast = 9, 7
)

// DuplicateKind is by what two clients are alike.
type DuplicateKind string

// By what clients are alike, the strongest first.
const (
	SameName   DuplicateKind = "name" // but for case, width, blanks, punctuation and legal form
	SameEmail  DuplicateKind = "email"
	SamePhone  DuplicateKind = "phone"
	AlikeName  DuplicateKind = "similar_name"
	SameDomain DuplicateKind = "domain" // of an e-mail address, other than those that anybody may have
)

// weights are how much one reason of a kind says; of AlikeName it is that times the similarity.
var weights = map[DuplicateKind]float64{SameName: 0.9, SameEmail: 0.8, SamePhone: 0.7, AlikeName: 0.8, SameDomain: 0.4}

// ClientTraits is what clients are compared by.
type ClientTraits struct {
	Client   Client
	Contacts []Contact
}

// DuplicateReason is one thing in which a client is like another one; Value is what the possible duplicate has.
type DuplicateReason struct {
	Kind      DuplicateKind
	Value     string
	ContactID string // of the possible duplicate; empty for names
	Weight    float64
}

// ClientDuplicate is a client that may be the same company as another one. Score is 0.6 to 1.
type ClientDuplicate struct {
	Client  Client
	Score   float64
	Reasons []DuplicateReason
}

// ClientDuplicates picks those of the candidates that may be the same company as the client, the likeliest first and the
// oldest first among equals, at most so many. Each kind of reason counts once: ten equal phone numbers are one switchboard.
func ClientDuplicates(of ClientTraits, candidates []ClientTraits, most int) []ClientDuplicate {
	found := []ClientDuplicate{}
	for _, other := range candidates {
		if other.Client.ID == of.Client.ID || other.Client.Status == ClientMerged {
			continue
		}
		reasons := alike(of, other)
		unlike, counted := 1.0, map[DuplicateKind]bool{}
		for _, r := range reasons {
			if !counted[r.Kind] {
				counted[r.Kind] = true
				unlike *= 1 - r.Weight
			}
		}
		// Two decimals are all that the measure is worth.
		if score := math.Round((1-unlike)*100) / 100; score >= duplicateScore {
			found = append(found, ClientDuplicate{other.Client, score, reasons[:min(len(reasons), maxReasons)]})
		}
	}
	slices.SortStableFunc(found, func(a, b ClientDuplicate) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), a.Client.CreatedAt.Compare(b.Client.CreatedAt), cmp.Compare(a.Client.ID, b.Client.ID))
	})
	return found[:min(len(found), most)]
}

// alike lists in what two clients are alike, the strongest reason first.
func alike(a, b ClientTraits) []DuplicateReason {
	var reasons []DuplicateReason
	nameA, nameB := NameKey(a.Client.Name), NameKey(b.Client.Name)
	switch s := Similarity(nameA, nameB); {
	case nameA == nameB && nameA != "":
		reasons = append(reasons, DuplicateReason{Kind: SameName, Value: b.Client.Name, Weight: weights[SameName]})
	case s >= namesAlike:
		reasons = append(reasons, DuplicateReason{Kind: AlikeName, Value: b.Client.Name, Weight: weights[AlikeName] * s})
	}
	ours := map[string]bool{}
	for _, p := range a.Contacts {
		for _, key := range ContactKeys(p.Email, p.Phone) {
			ours[key] = true
		}
	}
	for _, p := range b.Contacts {
		for _, key := range ContactKeys(p.Email, p.Phone) {
			kind, value, _ := strings.Cut(key, ":")
			switch {
			case !ours[key]:
				continue
			case kind == string(SamePhone):
				value = p.Phone
			case kind == string(SameEmail):
				value = p.Email
			}
			reasons = append(reasons, DuplicateReason{DuplicateKind(kind), value, p.ID, weights[DuplicateKind(kind)]})
		}
	}
	slices.SortStableFunc(reasons, func(a, b DuplicateReason) int { return cmp.Compare(b.Weight, a.Weight) })
	return reasons
}

const domainKey = string(SameDomain) + ":"

// ContactKeys are the keys under which contacts are compared: the e-mail address, its domain unless anybody may have an
// address there, and the end of the phone number. The database makes the same keys, and those of public domains as well.
func ContactKeys(email, phone string) []string {
	var keys []string
	if email = strings.Map(lowerASCII, strings.Trim(email, blanks)); email != "" {
		keys = append(keys, string(SameEmail)+":"+email)
		if at := strings.LastIndexByte(email, '@'); at >= 0 && at+1 < len(email) && !publicDomains[email[at+1:]] {
			keys = append(keys, domainKey+email[at+1:])
		}
	}
	number := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, phone)
	if len(number) >= phoneLeast {
		keys = append(keys, string(SamePhone)+":"+number[max(0, len(number)-phoneTail):])
	}
	return keys
}

// publicDomains give an e-mail address to anybody: that two clients have one there means nothing.
var publicDomains = setOf(
	"126.com", "139.com", "163.com", "188.com", "189.cn", "21cn.com", "aliyun.com", "aol.com", "foxmail.com", "gmail.com", "gmx.de",
	"gmx.net", "googlemail.com", "hotmail.com", "icloud.com", "live.cn", "live.com", "mac.com", "mail.com", "mail.ru", "me.com", "msn.com",
	"naver.com", "outlook.com", "proton.me", "protonmail.com", "qq.com", "sina.cn", "sina.com", "sina.com.cn", "sohu.com", "t-online.de",
	"tom.com", "vip.163.com", "vip.qq.com", "vip.sina.com", "web.de", "wo.cn", "yahoo.co.jp", "yahoo.com", "yahoo.com.cn", "yandex.ru", "yeah.net",
)

// NameKey is a company's name as names are compared: small letters and digits without blanks, punctuation, full-width forms
// and legal forms such as 有限公司, 集团, Co., Ltd. or GmbH. Of a name that has nothing else, the legal form stays.
func NameKey(name string) string {
	words := strings.FieldsFunc(chineseForms.Replace(fold(name)), func(r rune) bool { return r != '.' && !significant(r) })
	for i, w := range words {
		words[i] = strings.ReplaceAll(w, ".", "") // S.A. is one word
	}
	for len(words) > 0 && (words[len(words)-1] == "" || legalForms[words[len(words)-1]]) {
		words = words[:len(words)-1]
	}
	if key := strings.TrimSuffix(strings.Join(words, ""), "公司"); key != "" {
		return key
	}
	return letters(name)
}

// letters is a text without case, width, blanks and punctuation.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if significant(r) {
			return r
		}
		return -1
	}, fold(text))
}

// fold makes small letters and half-width forms.
func fold(text string) string { return strings.ToLower(strings.Map(halfWidth, text)) }

func significant(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// chineseForms are taken out wherever they stand: the place of a branch follows them.
var chineseForms = strings.NewReplacer(
	"股份有限公司", "", "有限责任公司", "", "有限公司", "", "股份公司", "", "集团公司", "", "集团", "", "有限責任公司", "", "集團", "",
)

// legalForms are taken away from the end of a name.
var legalForms = setOf(
	"ab", "ag", "as", "bhd", "bv", "co", "company", "corp", "corporation", "gmbh", "group", "holding", "holdings", "inc", "incorporated", "kg",
	"kgaa", "kk", "limited", "llc", "llp", "ltd", "mbh", "nv", "oy", "oyj", "plc", "pte", "pty", "sa", "sarl", "sas", "sdn", "se", "sl", "spa", "srl",
)

func setOf(words ...string) map[string]bool {
	set := make(map[string]bool, len(words))
	for _, w := range words {
		set[w] = true
	}
	return set
}

// NameRuns are parts of a name key of which a similar name has at least one: three neighbouring characters where one is
// Chinese, else five; all of a shorter key. A key of more than 40 characters gives those of its first 40.
func NameRuns(key string) []string {
	chars := []rune(key)
	chars = chars[:min(len(chars), 40)]
	var runs []string
	for i := range chars {
		long := 5
		if i+3 <= len(chars) && slices.ContainsFunc(chars[i:i+3], func(r rune) bool { return r >= 0x2e80 }) {
			long = 3
		}
		if i+long <= len(chars) && !slices.Contains(runs, string(chars[i:i+long])) {
			runs = append(runs, string(chars[i:i+long]))
		}
	}
	if len(runs) == 0 && len(chars) > 1 {
		runs = []string{string(chars)}
	}
	return runs
}
