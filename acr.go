package symbolon

// ACR is an authentication context class: how far a login can be believed. The classes are
// ordered; "phr" and "phrh" are those of OpenID EAP ACR Values 1.0.
type ACR string

const (
	ACRNone     ACR = ""
	ACRSingle   ACR = "aal1" // one factor, phishable: a password alone
	ACRMulti    ACR = "mfa"  // two distinct kinds of factor, one of them phishable
	ACRPhishing ACR = "phr"  // phishing-resistant, e.g. a passkey with user verification
	ACRHardware ACR = "phrh" // phishing-resistant, in attested hardware that cannot be copied
)

// ACRs lists the classes from weak to strong, as discovery publishes them.
var ACRs = []ACR{ACRSingle, ACRMulti, ACRPhishing, ACRHardware}

// Level is the rank of a class: 0 for none or unknown, then 1 to 4.
func (a ACR) Level() int64 {
	for i, known := range ACRs {
		if a == known {
			return int64(i) + 1
		}
	}
	return 0
}

// Meets reports whether a is at least as strong as wanted. An unknown wanted class is met by nothing.
func (a ACR) Meets(wanted ACR) bool {
	return wanted == ACRNone || (wanted.Level() > 0 && a.Level() >= wanted.Level())
}
