package policy

import (
	"maps"

	"github.com/cedar-policy/cedar-go/types"

	"symbolon.dev"
)

// remedy merges what the forbids in the way ask for: the strongest class and the shortest age.
// There is none if one of them cannot be lifted, or if the principal is not a person: software
// cannot authenticate more strongly.
func (q *query) remedy(forbids []types.DiagnosticReason) (symbolon.Remedy, bool) {
	var merged symbolon.Remedy
	if q.cedar.Principal.Type != User {
		return merged, false
	}
	for _, reason := range forbids {
		wanted := q.find(reason.PolicyID).remedy
		if wanted == nil {
			return merged, false
		}
		if wanted.ACR.Level() > merged.ACR.Level() {
			merged.ACR = wanted.ACR
		}
		if wanted.MaxAge > 0 && (merged.MaxAge == 0 || wanted.MaxAge < merged.MaxAge) {
			merged.MaxAge = wanted.MaxAge
		}
	}
	return merged, true
}

func (q *query) find(name types.PolicyID) *rule {
	for _, b := range q.buckets {
		for _, r := range b.forbids {
			if r.name == string(name) {
				return r
			}
		}
	}
	return &rule{}
}

// lifts reports whether the request would be allowed with the remedy met, and no better than
// met: a login of that class, nearly as old as it may be. (The last second is left to policies
// that say < where others say <=.) Were this not asked, a person could be sent to log in again
// and again.
func (s *Snapshot) lifts(r *Request, remedy symbolon.Remedy) bool {
	then := *r
	then.Context = map[string]any{}
	maps.Copy(then.Context, r.Context)
	if before := acrOf(r.Context); !before.Meets(remedy.ACR) {
		then.Context["acr"] = remedy.ACR
		delete(then.Context, "level") // they follow from acr
		delete(then.Context, "phishing_resistant")
	}
	if age, known := ageOf(r.Context); remedy.MaxAge > 0 && (!known || age >= remedy.MaxAge) {
		then.Context["auth_age"] = remedy.MaxAge - 1
	}
	q, err := s.ask(&then)
	if err != nil {
		return false
	}
	decision, err := q.judgeIn(then.Context)
	return err == nil && decision.Effect == Allow
}

func ageOf(context map[string]any) (age int64, known bool) {
	switch v := context["auth_age"].(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	}
	return 0, false
}
