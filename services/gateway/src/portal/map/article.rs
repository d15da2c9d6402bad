//! Articles, their lists and the headings inside them.

use portico_proto::knowledge::v1 as proto;

use super::person::person;
use crate::portal::dates::Dates;
use crate::portal::view::article::{Comment, Heading};
use crate::portal::view::home::{Link, Tile};
use crate::portal::view::layout::{capital, percent_encode};
use crate::portal::view::ui::{SafeHtml, When, unescape};

/// Where an article is read.
pub fn url(base: &str, slug: &str) -> String {
    format!("{base}/kb/articles/{slug}")
}

/// An article in a list.
pub fn link(article: &proto::Article, base: &str, dates: &Dates) -> Link {
    Link {
        url: url(base, &article.slug),
        title: article.title.clone(),
        meta: String::new(),
        when: dates.when(article.updated_at.as_ref().or(article.published_at.as_ref())),
    }
}

/// The same without its date: for lists that are ordered by something else.
pub fn plain_link(article: &proto::Article, base: &str) -> Link {
    Link { url: url(base, &article.slug), title: article.title.clone(), meta: String::new(), when: When::default() }
}

/// Where a category is read: its articles, or its questions.
pub fn category_url(base: &str, name: &str, faq: bool) -> String {
    format!("{base}/kb/{}{}", percent_encode(name).replace('/', "%2F"), if faq { "?kind=faq" } else { "" })
}

/// A category as a tile.
pub fn tile(category: &proto::Category, base: &str, word: &str, words: &str, faq: bool) -> Tile {
    let count = category.articles;
    Tile {
        url: category_url(base, &category.name, faq),
        name: capital(&category.name),
        text: if count == 1 { format!("1 {word}") } else { format!("{count} {words}") },
    }
}

/// A comment.
pub fn comment(comment: &proto::ArticleComment, me: &str, dates: &Dates) -> Comment {
    Comment {
        id: comment.id.clone(),
        person: person(comment.author.as_ref(), me),
        at: dates.when(comment.created_at.as_ref()),
        html: SafeHtml(comment.body_html.clone()),
        removable: comment.removable,
    }
}

/// Gives the headings of safe HTML anchors and lists them. Headings move down so that the page's title stays the only `h1`.
pub fn with_contents(html: &str) -> (String, Vec<Heading>) {
    let (mut out, mut headings, mut rest) = (String::with_capacity(html.len() + 256), Vec::new(), html);
    while let Some(at) = rest.find("<h") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let Some((level, inner, after)) = heading(from) else {
            out.push_str("<h");
            rest = from.get(2..).unwrap_or_default();
            continue;
        };
        let shown = if level == 1 { 2 } else { level.min(4) };
        let text = text_of(inner);
        let id = anchor(&text, headings.len());
        out.push_str(&format!("<h{shown} id=\"{id}\">{inner}</h{shown}>"));
        if shown <= 3 && !text.is_empty() {
            headings.push(Heading { id, text, level: shown });
        }
        rest = after;
    }
    out.push_str(rest);
    (out, headings)
}

/// Level, content and what follows of a heading that `text` begins with.
fn heading(text: &str) -> Option<(u8, &str, &str)> {
    let level = text.as_bytes().get(2).filter(|digit| (b'1'..=b'6').contains(digit)).map(|digit| digit - b'0')?;
    let open = text.find('>')?;
    let close = format!("</h{level}>");
    let end = text.find(&close)?;
    let inner = text.get(open + 1..end)?;
    Some((level, inner, text.get(end + close.len()..)?))
}

fn text_of(html: &str) -> String {
    let (mut out, mut inside) = (String::new(), false);
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            _ if !inside => out.push(c),
            _ => {}
        }
    }
    unescape(&out).trim().to_owned()
}

fn anchor(text: &str, number: usize) -> String {
    let words: String = text.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let joined = words.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let short: String = joined.chars().take(60).collect();
    if short.is_empty() { format!("part-{number}") } else { format!("h-{number}-{short}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_get_anchors_and_the_title_stays_alone() {
        let (html, headings) = with_contents("<h1>A &amp; <em>B</em></h1><p>x</p><h3>C</h3><hr><h5>deep</h5>");
        assert_eq!(html, "<h2 id=\"h-0-a-b\">A &amp; <em>B</em></h2><p>x</p><h3 id=\"h-1-c\">C</h3><hr><h4 id=\"h-2-deep\">deep</h4>");
        assert_eq!(headings.iter().map(|heading| heading.text.as_str()).collect::<Vec<_>>(), ["A & B", "C"]);
    }

    #[test]
    fn text_without_headings_is_left_alone() {
        assert_eq!(with_contents("<p>a <hr> b</p>").0, "<p>a <hr> b</p>");
    }
}
