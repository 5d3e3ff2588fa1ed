/** A self-signed certificate for `localhost`, and its key: known to everyone, good for these tests only. Valid for a hundred years. */
export const selfSigned = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBlDCCATugAwIBAgIUF9d/OLwmvxw0fCaJEdBPZGKKqlcwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjE3MTExNVoYDzIxMjYxMDI5
MTcxMTE1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAR/hftp+WE4tbMqaubRnHShBts4OL4GyaIrwCcNSTyebudWqzb2LcgZ
FkGlETVj7L236LKA6jHg6LEB3cE5PBJZo2kwZzAdBgNVHQ4EFgQUtNUjDkiUN3rT
yM96LajT3w+nvBgwHwYDVR0jBBgwFoAUtNUjDkiUN3rTyM96LajT3w+nvBgwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
RwAwRAIgVtNu/d71qnqoHz4c6tW/8Ugss4o+/P5eZN6IbBmiLJ0CIBqTGnL+JmIE
slkYN/3gSH0YsmWxKF53OzFg6AXQoGOf
-----END CERTIFICATE-----`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg0h0tMfcfbR50oLyA
aks7rdLINzwNVrMPAAF9qfSJly+hRANCAAR/hftp+WE4tbMqaubRnHShBts4OL4G
yaIrwCcNSTyebudWqzb2LcgZFkGlETVj7L236LKA6jHg6LEB3cE5PBJZ
-----END PRIVATE KEY-----`,
};
