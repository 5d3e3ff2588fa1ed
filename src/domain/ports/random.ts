/** The cryptographic random source. */
export interface Random {
  /** `byteLength` random bytes in base64url without padding. */
  token(byteLength: number): string;
}
