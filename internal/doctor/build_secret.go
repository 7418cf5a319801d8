//go:build goexperiment.runtimesecret

package doctor

// runtimeSecret tells whether keyring/secret was built with the runtime's secret mode.
const runtimeSecret = true
