package policy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"symbolon.dev"
)

// notes is what the annotations of one policy say.
type notes struct {
	id          string
	description string
	observe     bool
	remedy      *symbolon.Remedy
}

const maxDescription = 1000 // bytes

func readNotes(p *ast.Policy) (notes, error) {
	var n notes
	for _, annotation := range p.Annotations {
		if err := n.take(string(annotation.Key), string(annotation.Value)); err != nil {
			return n, err
		}
	}
	if n.remedy != nil && p.Effect == ast.EffectPermit {
		return n, fmt.Errorf("@remedy belongs on a forbid: a permit has nothing to lift")
	}
	return n, nil
}

func (n *notes) take(key, value string) (err error) {
	switch key {
	case "id":
		if n.id = value; !symbolon.ValidName(value) {
			err = fmt.Errorf("@id(%q): a name is 1 to 128 of a-z A-Z 0-9 . _ : / -", value)
		}
	case "mode":
		if n.observe = value == "observe"; !n.observe {
			err = fmt.Errorf(`@mode(%q): the only mode is "observe"; leave @mode out to enforce`, value)
		}
	case "description":
		if n.description = value; len(value) > maxDescription {
			err = fmt.Errorf("@description is over %d bytes", maxDescription)
		}
	case "remedy":
		n.remedy, err = parseRemedy(value)
	default:
		err = fmt.Errorf("@%s is unknown; there are @id, @remedy, @mode and @description", key)
	}
	return err
}

// parseRemedy reads "acr=phr max_age=300": one or both, each once, separated by one space.
func parseRemedy(text string) (*symbolon.Remedy, error) {
	remedy := &symbolon.Remedy{}
	for _, part := range strings.Split(text, " ") {
		key, value, _ := strings.Cut(part, "=")
		switch {
		case key == "acr" && remedy.ACR == "" && symbolon.ACR(value).Level() > 0:
			remedy.ACR = symbolon.ACR(value)
		case key == "max_age" && remedy.MaxAge == 0 && positive(value) > 0:
			remedy.MaxAge = positive(value)
		default:
			return nil, fmt.Errorf("@remedy(%q): it reads \"acr=CLASS max_age=SECONDS\", either or both, with CLASS one of %v and SECONDS above 0", text, symbolon.ACRs)
		}
	}
	return remedy, nil
}

// positive reads a plain decimal above zero, else gives 0: no sign, no leading zero.
func positive(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != text {
		return 0
	}
	return n
}
