package grant

import (
	"symbolon.dev"
	"symbolon.dev/internal/catalog"
	"symbolon.dev/internal/issuer"
)

// MayAsk reports whether a client may ask a person for a scope.
func (g *Grants) MayAsk(c *symbolon.Client, scope string) bool { return mayAsk(c)(scope) }

// detailsAt is the part of the granted authorization details that a token for r carries: those of r,
// and of these what the token request asks for (RFC 9396 §6). What the client is no longer
// registered for is left out.
func (q *Request) detailsAt(s *catalog.Snapshot, r *symbolon.Resource, granted []symbolon.Detail) ([]symbolon.Detail, error) {
	var asked, kept []symbolon.Detail
	if q.Details != "" {
		var err error
		if asked, err = s.ReadDetails(q.Client, q.Details); err != nil {
			return nil, err
		}
	}
	for _, d := range s.DetailsAt(r.ID, granted) {
		if s.MayAskDetail(q.Client, d) {
			kept = append(kept, d)
		}
	}
	return issuer.NarrowDetails(kept, asked)
}

// ownDetails are those that a client asks for itself, all of them for r.
func (q *Request) ownDetails(s *catalog.Snapshot, r *symbolon.Resource) ([]symbolon.Detail, error) {
	if q.Details == "" {
		return nil, nil
	}
	asked, err := s.ReadDetails(q.Client, q.Details)
	if err != nil {
		return nil, err
	}
	return issuer.NarrowDetails(s.DetailsAt(r.ID, asked), asked)
}
