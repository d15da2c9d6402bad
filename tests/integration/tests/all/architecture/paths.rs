//! Which paths a source names: in `use` trees however they are nested or broken into lines, in expressions, types and macros. It reads tokens,
//! so text and comments never count, and `super::` and `self::` are resolved. What belongs to tests is left out.

use std::collections::BTreeSet;
use std::iter::Peekable;

use proc_macro2::token_stream::IntoIter;
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What a source names.
#[derive(Debug, Default)]
pub struct Named {
    /// Paths of two or more parts, and what `use` names: `crate::store::ticket`, `std::fmt`, `sqlx::*`.
    pub paths: BTreeSet<String>,
    /// String literals outside attributes.
    pub texts: Vec<String>,
}

/// Reads a source. `module` is its place in the crate: `["app", "ticket"]`.
pub fn read(source: &str, module: &[&str]) -> Named {
    let tokens: TokenStream = source.parse().expect("a Rust source");
    let mut named = Named::default();
    let module = module.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
    scan(tokens, &module, &mut named);
    named
}

type Tokens = Peekable<IntoIter>;

fn scan(tokens: TokenStream, module: &[String], named: &mut Named) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '#' => attribute(&mut tokens, module, named),
            TokenTree::Ident(word) if word == "mod" => inner_module(&mut tokens, module, named),
            TokenTree::Ident(word) if word == "use" => tree(&mut tokens, &mut Vec::new(), module, named),
            TokenTree::Ident(word) => path(word.to_string(), &mut tokens, module, named),
            TokenTree::Group(group) => scan(group.stream(), module, named),
            TokenTree::Literal(literal) => named.texts.push(literal.to_string()),
            TokenTree::Punct(_) => {}
        }
    }
}

/// Reads over an attribute, and over the whole item that `#[cfg(test)]` stands before.
fn attribute(tokens: &mut Tokens, module: &[String], named: &mut Named) {
    if is_mark(tokens.peek(), '!') {
        tokens.next();
    }
    let Some(TokenTree::Group(group)) = tokens.next() else { return };
    let words: String = group.stream().to_string().split_whitespace().collect();
    if !words.starts_with("doc=") {
        let mut inside = Named::default();
        scan(group.stream(), module, &mut inside);
        named.paths.append(&mut inside.paths);
    }
    if words == "cfg(test)" || words.starts_with("cfg(all(test") {
        for token in tokens.by_ref() {
            let ends = match &token {
                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                TokenTree::Punct(mark) => mark.as_char() == ';',
                _ => false,
            };
            if ends {
                return;
            }
        }
    }
}

fn inner_module(tokens: &mut Tokens, module: &[String], named: &mut Named) {
    let Some(TokenTree::Ident(name)) = tokens.next() else { return };
    if let Some(TokenTree::Group(body)) = tokens.next_if(|token| matches!(token, TokenTree::Group(_))) {
        let inner: Vec<String> = module.iter().cloned().chain([name.to_string()]).collect();
        scan(body.stream(), &inner, named);
    }
}

/// One branch of a `use` tree, up to its comma or semicolon.
fn tree(tokens: &mut Tokens, prefix: &mut Vec<String>, module: &[String], named: &mut Named) {
    let depth = prefix.len();
    loop {
        match tokens.next() {
            Some(TokenTree::Ident(word)) if word == "as" => {
                tokens.next();
            }
            Some(TokenTree::Ident(word)) => prefix.push(word.to_string()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let mut branches = group.stream().into_iter().peekable();
                while branches.peek().is_some() {
                    tree(&mut branches, prefix, module, named);
                }
                prefix.truncate(depth);
                continue;
            }
            // The lifetimes that an `impl Trait + use<'a>` captures are no paths.
            Some(TokenTree::Punct(mark)) if mark.as_char() == '<' => break,
            Some(TokenTree::Punct(mark)) if mark.as_char() == '*' => prefix.push("*".to_owned()),
            Some(TokenTree::Punct(mark)) if matches!(mark.as_char(), ',' | ';') => break,
            Some(_) => {}
            None => break,
        }
    }
    if prefix.len() > depth {
        note(prefix, module, named);
    }
    prefix.truncate(depth);
}

/// A path in an expression, a type, a pattern or a macro.
fn path(first: String, tokens: &mut Tokens, module: &[String], named: &mut Named) {
    let mut parts = vec![first];
    loop {
        let mut ahead = tokens.clone();
        if !(is_mark(ahead.next().as_ref(), ':') && is_mark(ahead.next().as_ref(), ':')) {
            break;
        }
        let Some(TokenTree::Ident(word)) = ahead.next() else { break };
        parts.push(word.to_string());
        *tokens = ahead;
    }
    if parts.len() > 1 {
        note(&parts, module, named);
    }
}

fn note(parts: &[String], module: &[String], named: &mut Named) {
    let mut absolute: Vec<String> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        match part.as_str() {
            "self" if index == 0 => absolute.extend(["crate".to_owned()].into_iter().chain(module.iter().cloned())),
            "self" => {}
            "super" if index == 0 => {
                let parent = module.iter().take(module.len().saturating_sub(1)).cloned();
                absolute.extend(["crate".to_owned()].into_iter().chain(parent));
            }
            "super" => {
                absolute.pop();
            }
            word => absolute.push(word.to_owned()),
        }
    }
    named.paths.insert(absolute.join("::"));
}

fn is_mark(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str) -> Vec<String> {
        read(source, &["app", "ticket"]).paths.into_iter().collect()
    }

    #[test]
    fn a_use_tree_is_followed_into_every_branch() {
        let source = "use crate::{\n    store::{self, ticket::Row as Line},\n    app,\n};\nuse sqlx::*;";
        assert_eq!(paths(source), ["crate::app", "crate::store", "crate::store::ticket::Row", "sqlx::*"]);
    }

    #[test]
    fn relative_paths_are_resolved() {
        assert_eq!(
            paths("use super::super::store; use super::asker; fn f() { self::g() }"),
            ["crate::app::asker", "crate::app::ticket::g", "crate::store"]
        );
        assert_eq!(paths("mod inner { use super::super::{super::api}; }"), ["crate::api"]);
    }

    #[test]
    fn expressions_types_and_macros_count_and_text_does_not() {
        let source = "/// See crate::api.\nfn f(x: Vec<crate::store::Row>) { tracing::info!(\"{}\", sqlx::query(\"crate::api\")); }";
        assert_eq!(paths(source), ["crate::store::Row", "sqlx::query", "tracing::info"]);
        assert_eq!(read(source, &[]).texts, ["\"{}\"", "\"crate::api\""]);
    }

    #[test]
    fn tests_are_left_out_and_what_follows_them_is_not() {
        let source = "#[cfg(test)]\nmod tests;\nuse crate::store;\n#[cfg(test)]\nmod more { use crate::api; }\nuse tokio::time;";
        assert_eq!(paths(source), ["crate::store", "tokio::time"]);
    }
}
