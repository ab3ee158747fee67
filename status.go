package symbolon

import "time"

// Status is the place of a JWT in a Token Status List, and what its bit there depends on.
type Status struct {
	Token   TokenID
	List    string
	Index   int
	Issued  time.Time // as the token tells it
	Expires time.Time
	Targets []string // ids whose revocation makes the token invalid
}

// ListStatus gives a JWT its place; Conflict if that is taken.
type ListStatus struct{ Status Status }

func (ListStatus) change() {}
