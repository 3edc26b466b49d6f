//! The page: the bundle that npm and Vite make of `lab/`, kept in the repository and embedded, so that cargo alone
//! builds the program.

use crate::http::Response;

const PAGE: &str = include_str!("../../lab/dist/index.html");

/// Where a page finds the nonce that its styles need.
const NONCE: &str = "@NONCE@";

/// The other files: their name, type and text.
const FILES: [(&str, &str, &str); 3] = [
    ("lab.js", "text/javascript; charset=utf-8", include_str!("../../lab/dist/lab.js")),
    ("lab.css", "text/css; charset=utf-8", include_str!("../../lab/dist/lab.css")),
    ("licenses.txt", "text/plain; charset=utf-8", include_str!("../../lab/dist/licenses.txt")),
];

/// Returns the page, with a policy under which only our own script can run.
pub(super) fn page(nonce: &str) -> Response {
    // CodeMirror puts its styles into the page; nothing else may.
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; connect-src 'self'; \
         img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    );
    let body = PAGE.replace(NONCE, nonce).into_bytes();
    Response { body, ..Response::new(200) }
        .with_header("Content-Type", "text/html; charset=utf-8")
        .with_header("Content-Security-Policy", policy)
}

/// Returns a file of the bundle.
pub(super) fn file(name: &str) -> Option<Response> {
    let (_, kind, text) = FILES.iter().find(|(known, ..)| *known == name)?;
    let response = Response { body: text.as_bytes().to_vec(), ..Response::new(200) };
    Some(
        response
            .with_header("Content-Type", *kind)
            .with_header("Content-Security-Policy", "default-src 'none'"),
    )
}

/// Adds the headers that all answers have.
pub(super) fn guarded(response: Response) -> Response {
    response
        .with_header("Cache-Control", "no-store")
        .with_header("X-Content-Type-Options", "nosniff")
        .with_header("X-Frame-Options", "DENY")
        .with_header("Referrer-Policy", "no-referrer")
        .with_header("Cross-Origin-Opener-Policy", "same-origin")
        .with_header("Cross-Origin-Resource-Policy", "same-origin")
}
