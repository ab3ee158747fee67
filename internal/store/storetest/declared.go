package storetest

import (
	"encoding/json"
	"time"

	"symbolon.dev"
)

func objects(b *bench) {
	o := symbolon.Object{Kind: symbolon.KindClient, ID: "wiki", Version: 1, Doc: json.RawMessage(`{"b": 1, "a":"ä"}`), Updated: b.now}
	b.commit(symbolon.PutObject{Object: o})
	got(b, &o)(b.Object(ctx, o.Kind, o.ID))
	none[symbolon.Object](b)(b.Object(ctx, symbolon.KindResource, o.ID))
	b.refused(symbolon.Conflict, symbolon.PutObject{Object: o}) // it is there already

	o.Doc, o.Version, o.Updated = json.RawMessage(`{}`), 99, b.now.Add(time.Second)
	b.commit(symbolon.PutObject{Object: o, Was: 1})
	o.Version = 2
	got(b, &o)(b.Object(ctx, o.Kind, o.ID))
	b.refused(symbolon.Conflict, symbolon.PutObject{Object: o, Was: 1}) // changed meanwhile
	missing := o
	missing.ID = "chat"
	b.refused(symbolon.Conflict, symbolon.PutObject{Object: missing, Was: 1})

	policy := symbolon.Object{Kind: symbolon.KindPolicy, ID: "base", Version: 1, Doc: json.RawMessage(`{}`), Updated: b.now}
	b.commit(symbolon.PutObject{Object: policy})
	got(b, list(o, policy))(b.Objects(ctx))
	got(b, list(policy))(b.Objects(ctx, symbolon.KindPolicy, symbolon.KindGroup))
	b.commit(symbolon.DeleteObject{Kind: o.Kind, ID: o.ID})
	b.refused(symbolon.NotFound, symbolon.DeleteObject{Kind: o.Kind, ID: o.ID})
	got(b, list(policy))(b.Objects(ctx))
}

func keys(b *bench) {
	k := symbolon.SigningKey{ID: symbolon.NewKeyID(), Alg: "ES256", Private: []byte{1, 0}, Created: b.now, Active: b.now.Add(time.Hour)}
	older := k
	older.ID, older.Created = symbolon.NewKeyID(), b.now.Add(-time.Hour)
	b.commit(symbolon.PutKey{Key: k}, symbolon.PutKey{Key: older})
	older.Retired, older.Expires = b.now, b.now.Add(time.Hour)
	b.commit(symbolon.PutKey{Key: older})
	got(b, list(older, k))(b.Keys(ctx))
}

func streams(b *bench) {
	s := symbolon.Stream{
		ID: symbolon.NewStreamID(), Client: "broker", Delivery: "urn:ietf:rfc:8936", Endpoint: "https://issuer/poll", Events: []string{"a", "b"},
		Description: "ours", Status: "enabled", Cursor: 7, Created: b.now, LastSeen: b.now,
	}
	b.commit(symbolon.PutStream{Stream: s})
	got(b, &s)(b.Stream(ctx, s.ID))
	none[symbolon.Stream](b)(b.Stream(ctx, "str_none"))

	b.commit(symbolon.AckStream{ID: s.ID, Cursor: 9, At: b.now.Add(time.Minute)})
	b.commit(symbolon.AckStream{ID: s.ID, Cursor: 8, At: b.now})
	changed := s
	changed.Status, changed.Events = "paused", nil
	b.commit(symbolon.PutStream{Stream: changed}) // leaves Cursor and LastSeen
	changed.Cursor, changed.LastSeen = 9, b.now.Add(time.Minute)
	got(b, list(changed))(b.Streams(ctx))

	stolen := changed
	stolen.Client = "other"
	b.refused(symbolon.Conflict, symbolon.PutStream{Stream: stolen})
	b.refused(symbolon.NotFound, symbolon.AckStream{ID: "str_none"})
	b.commit(symbolon.DeleteStream{ID: s.ID})
	b.refused(symbolon.NotFound, symbolon.DeleteStream{ID: s.ID})
}
