package policy

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// memo remembers decisions of one snapshot. A decision is a function of the entities, the action
// and those attributes of the context that the picked policies read, so what is remembered is
// never stale: another snapshot has another memo. It is emptied when it is full.
type memo struct {
	known sync.Map // question → *Decision
	count atomic.Int64
}

// question is all that a decision depends on. The entities are converted ones, which never
// change, so a pointer stands for all that they say.
type question struct {
	action              string
	principal, resource *prepared
	context             string // of what is read, see [shape.tell]
}

const (
	memoRoom    = 4096 // decisions
	memoContext = 256  // bytes; a longer context is not worth remembering
)

func (m *memo) find(q question) (Decision, bool) {
	known, ok := m.known.Load(q)
	if !ok {
		return Decision{}, false
	}
	return *known.(*Decision), true
}

func (m *memo) keep(q question, d Decision) {
	if m.count.Add(1) > memoRoom {
		m.known.Clear()
		m.count.Store(1)
	}
	m.known.Store(q, &d)
}

// question says what the answer to r depends on; false if r is not likely to be asked again: it
// brings an entity of its own that nobody has prepared, or a context too long to compare.
func (q *query) question(r *Request) (question, bool) {
	if !q.lasting(q.principal, &r.Principal) || !q.lasting(q.resource, &r.Resource) {
		return question{}, false
	}
	var space [memoContext]byte
	context, ok := q.shape.tell(space[:0], r.Context, q.uses)
	if !ok {
		return question{}, false
	}
	return question{r.Action, q.principal, q.resource, string(context)}, true
}

// lasting: the converted form will be the same the next time.
func (q *query) lasting(p *prepared, given *Entity) bool {
	return given.prepared != nil || q.snapshot.entities[p.entity.UID] == p
}

// tell writes the values of the attributes that are read so that two different contexts never
// read the same: in the schema's order, text and lists with their lengths.
func (s *shape) tell(dst []byte, given map[string]any, uses uint64) ([]byte, bool) {
	for i, attribute := range s.attributes {
		if uses&(1<<i) == 0 {
			continue
		}
		value, ok := given[attribute.name]
		if !ok {
			value, _ = inferred(attribute.name, given)
		}
		if dst, ok = tellValue(dst, value); !ok || len(dst) > memoContext {
			return nil, false
		}
	}
	return dst, true
}

func tellValue(dst []byte, value any) ([]byte, bool) {
	switch v := value.(type) {
	case bool:
		if v {
			return append(dst, 1), true
		}
		return append(dst, 0), true
	case int:
		return binary.AppendVarint(dst, int64(v)), true
	case int64:
		return binary.AppendVarint(dst, v), true
	case []string:
		dst = binary.AppendUvarint(dst, uint64(len(v)))
		for _, text := range v {
			dst = tellText(dst, text)
		}
		return dst, true
	}
	text, ok := toText(value)
	return tellText(dst, text), ok
}

func tellText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}
