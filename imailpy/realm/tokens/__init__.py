"""
Bearer tokens: whether one is good, and whose it is.

`check` joins the two ways of telling: `jwt` reads a token that is signed by a
key of the issuer [RFC7519], `introspection` asks the issuer about one that
says nothing by itself [RFC7662]. `keys` fetches the issuer's keys, `http` is
the way there.
"""
