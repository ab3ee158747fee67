package oauth

import (
	"net/http"

	"symbolon.dev/internal/door"
	"symbolon.dev/internal/grant"
)

const (
	pathDeviceAuthorization = "/device_authorization"
	pathDevice              = "/device" // where people enter codes: the login door's
)

var deviceTable = []step[*call]{
	{"parameters", "RFC 8628 §3.1", (*call).readForm},
	{"client authentication", "RFC 8628 §3.1", (*call).authenticate},
	{"codes", "RFC 8628 §3.2", (*call).startDevice},
}

// deviceAuthorization gives a device a code to poll with and one to show.
func (e *endpoints) deviceAuthorization(w http.ResponseWriter, r *http.Request, ev *door.Event) error {
	return walk(deviceTable, &call{endpoints: e, w: w, r: r, ev: ev})
}

// deviceAnswer is RFC 8628 §3.2.
type deviceAnswer struct {
	DeviceCode      string `json:"device_code"`
	UserCode        string `json:"user_code"`
	VerificationURI string `json:"verification_uri"`
	Complete        string `json:"verification_uri_complete"`
	ExpiresIn       int64  `json:"expires_in"`
	Interval        int64  `json:"interval"`
}

func (c *call) startDevice() error {
	scopes, err := scopesOf(&c.params)
	if err != nil {
		return err
	}
	codes, err := c.Grants.StartDevice(c.r.Context(), c.client, scopes, c.params.All("resource"))
	if err != nil {
		return err
	}
	page := c.Issuer + pathDevice
	answerJSON(c.w, http.StatusOK, deviceAnswer{
		DeviceCode: codes.DeviceCode.Reveal(), UserCode: codes.UserCode, VerificationURI: page,
		Complete: page + "?user_code=" + codes.UserCode, ExpiresIn: codes.ExpiresIn, Interval: codes.Interval,
	})
	return nil
}

// describeDecoupled is the metadata of the grants away from the browser: RFC 8628 §4, CIBA Core
// §4, identity chaining.
func (e *endpoints) describeDecoupled(described map[string]any) {
	described["device_authorization_endpoint"] = e.Issuer + pathDeviceAuthorization
	described["backchannel_authentication_endpoint"] = e.Issuer + pathBackchannel
	described["backchannel_token_delivery_modes_supported"] = grant.DeliveryModes()
	described["backchannel_authentication_request_signing_alg_values_supported"] = grant.SigningAlgs()
	described["backchannel_user_code_parameter_supported"] = false
	if e.Grants.Draft(grant.DraftJAG) {
		described["identity_chaining_requested_token_types_supported"] = []string{grant.TypeJAG}
	}
}
