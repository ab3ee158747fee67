package claim

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

const (
	maxValue = 4096 // bytes of a value, as JSON
	maxDepth = 6
)

// plain makes of a CEL value what a claim may hold.
func plain(value ref.Val, depth int) (any, error) {
	converted, err := convert(value, depth)
	if err != nil || depth > 0 || converted == nil {
		return converted, err
	}
	encoded, err := json.Marshal(converted)
	if err == nil && len(encoded) > maxValue {
		err = errTooBig
	}
	return converted, err
}

func convert(value ref.Val, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errTooBig
	}
	switch v := value.(type) {
	case types.Null:
		return nil, nil
	case types.String:
		if v == "" && depth == 0 {
			return nil, nil
		}
		return string(v), nil
	case types.Bool:
		return bool(v), nil
	case types.Int:
		return int64(v), nil
	case types.Uint:
		if v > math.MaxInt64 {
			return nil, errTooBig
		}
		return int64(v), nil
	case types.Double:
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, fmt.Errorf("it is not a number")
		}
		return float64(v), nil
	case types.Timestamp:
		return v.Time.Unix(), nil
	case types.Duration:
		return int64(v.Duration / time.Second), nil
	case *types.Optional:
		if !v.HasValue() {
			return nil, nil
		}
		return convert(v.GetValue(), depth)
	case traits.Mapper:
		return members(v, depth)
	case traits.Lister:
		return elements(v, depth)
	}
	return nil, fmt.Errorf("it is a %s", value.Type().TypeName())
}

func elements(list traits.Lister, depth int) (any, error) {
	out := []any{}
	for it := list.Iterator(); it.HasNext() == types.True; {
		one, err := convert(it.Next(), depth+1)
		if err != nil {
			return nil, err
		}
		if out = append(out, one); len(out) > maxValue {
			return nil, errTooBig
		}
	}
	return out, nil
}

func members(object traits.Mapper, depth int) (any, error) {
	out := map[string]any{}
	for it := object.Iterator(); it.HasNext() == types.True; {
		name := it.Next()
		text, ok := name.(types.String)
		if !ok {
			return nil, fmt.Errorf("it has a member whose name is no string")
		}
		one, err := convert(object.Get(name), depth+1)
		if err != nil {
			return nil, err
		}
		if out[string(text)] = one; len(out) > maxValue {
			return nil, errTooBig
		}
	}
	return out, nil
}
