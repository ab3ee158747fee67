package page

import (
	"html/template"
	"time"
)

// Device asks for the code that a device shows (RFC 8628 §3.3).
type Device struct {
	Code    string // to begin with, e.g. out of the address that was scanned
	Failure string // why the last one was not taken
}

func (v Device) frame() frame { return frame{template: "device"} }

// DeviceConfirm asks whether somebody wants what a device asks for.
type DeviceConfirm struct {
	Client *Client
	Ref    string
	Person string
	Code   string // that the device must be showing
	Wants  []Wants
	Ends   time.Time
}

func (v DeviceConfirm) frame() frame { return frame{template: "deviceconfirm", client: v.Client} }

// Wants is what is asked for at one resource.
type Wants struct {
	Resource string
	You      bool // it is the person's own account
	Scopes   []Scope
}

// DeviceDone says that the device has its answer.
type DeviceDone struct {
	Client  *Client
	Allowed bool
}

func (v DeviceDone) frame() frame {
	return frame{template: "devicedone", client: v.Client, apart: !v.Allowed}
}

// DeviceCode is what a device without a screen of its own design shows: a code to scan and the
// same to type.
type DeviceCode struct {
	Address string // to type, e.g. https://id.example.com/device
	Code    string
	Image   template.HTML // set by Draw
}

// Draw makes the image of the complete address.
func (v *DeviceCode) Draw(complete string) (err error) {
	v.Image, err = qrCode(complete, "QR code of "+complete)
	return err
}

func (v DeviceCode) frame() frame { return frame{template: "devicecode"} }

// Approve lists what clients wait for a person to allow.
type Approve struct {
	Person    string
	Questions []Question
	Notice    string // a word for what was just done: "allowed", "denied"
}

// Question is one of them.
type Question struct {
	Client  *Client
	Ref     string
	Binding string // that the client shows too
	Wants   []Wants
	Strong  bool // it asks for a stronger login than this one
	Asked   time.Time
	Ends    time.Time
}

func (v Approve) frame() frame { return frame{template: "approve", wide: true} }
