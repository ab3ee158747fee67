package grant

import (
	"encoding/json"

	"symbolon.dev"
	"symbolon.dev/internal/client"
	"symbolon.dev/token"
)

const sealHolder = "grant/holder"

// key is the thumbprint of the key that the request proved; "" = none.
func (q *Request) key() string {
	if q.Holder == nil {
		return ""
	}
	return q.Holder.JKT
}

func (q *Request) proved() bool { return q.key() != "" }

// holder is what a refresh token is bound to. A client that authenticates is bound by that
// already, and may change its key; a public one has nothing else to be known by (RFC 9449 §5,
// RFC 8705 §4).
func (q *Request) holder() *token.Confirmation {
	if !client.Public(q.Client) || q.Holder == nil {
		return nil
	}
	out := token.Confirmation{JKT: q.Holder.JKT}
	if q.Client.CertificateBound {
		out.X5TS256 = q.Holder.X5TS256
	}
	if out == (token.Confirmation{}) {
		return nil
	}
	return &out
}

// bind writes into the row of a refresh token what it is bound to.
func (g *Grants) bind(row *symbolon.Token, holder *token.Confirmation) error {
	if holder == nil {
		return nil
	}
	plain, err := json.Marshal(holder)
	row.Data = g.Vault.Seal(sealHolder, plain, row.Hash[:])
	return err
}

// holds refuses a refresh token whose holder does not prove what it is bound to, and says what
// its successor is to be bound to. Whoever only stole it cannot even end its family. One that is
// not bound is, from the first proof on.
func (g *Grants) holds(row *symbolon.Token, q *Request) (*token.Confirmation, error) {
	if len(row.Data) == 0 {
		return q.holder(), nil
	}
	plain, err := g.Vault.Open(sealHolder, row.Data, row.Hash[:])
	if err != nil {
		return nil, symbolon.Errorf(symbolon.Internal, "what a refresh token is bound to cannot be opened").Because(err)
	}
	bound, shown := new(token.Confirmation), token.Confirmation{}
	if err := json.Unmarshal(plain, bound); err != nil {
		return nil, err
	}
	if q.Holder != nil {
		shown = *q.Holder
	}
	if bound.JKT != "" && bound.JKT != shown.JKT || bound.X5TS256 != "" && bound.X5TS256 != shown.X5TS256 {
		return nil, over("its holder did not prove the key or certificate that it is bound to")
	}
	return bound, nil
}
