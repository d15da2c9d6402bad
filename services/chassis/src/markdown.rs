//! Markdown as people write it, rendered to HTML that is safe to show (S33–S35).

use std::collections::HashSet;
use std::sync::LazyLock;

use linkify::{LinkFinder, LinkKind};
use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, TextMergeStream, html};

/// Elements that user text may become. No `hx-*`, no `style`, no ids: those are ours.
static SANITIZER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let mut builder = ammonia::Builder::default();
    let tags: HashSet<&str> = [
        "p",
        "br",
        "hr",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "blockquote",
        "pre",
        "code",
        "em",
        "strong",
        "del",
        "a",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "sup",
        "sub",
        "kbd",
    ]
    .into();
    builder
        .tags(tags)
        .tag_attributes(
            [
                ("a", HashSet::from(["href", "title"])),
                ("ol", HashSet::from(["start"])),
                ("th", HashSet::from(["align"])),
                ("td", HashSet::from(["align"])),
            ]
            .into(),
        )
        .generic_attributes(HashSet::new())
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel"]))
        .link_rel(Some("noopener nofollow ugc"))
        .strip_comments(true);
    builder
});

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH
}

/// Renders to HTML. Raw HTML in the source is shown as text, images become links (nothing is loaded from elsewhere), headings begin at
/// level two, a single line break stays one, and an address that is just written becomes a link.
pub fn render(source: &str) -> String {
    let events = Parser::new_ext(source, options()).map(|event| match event {
        Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
        Event::SoftBreak => Event::HardBreak,
        Event::Start(Tag::Heading { level, id, classes, attrs }) => Event::Start(Tag::Heading { level: lower(level), id, classes, attrs }),
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level))),
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => Event::Start(Tag::Link { link_type, dest_url, title, id }),
        Event::End(TagEnd::Image) => Event::End(TagEnd::Link),
        event => event,
    });
    let mut unsafe_html = String::with_capacity(source.len() * 2);
    html::push_html(&mut unsafe_html, linked(TextMergeStream::new(events)));
    SANITIZER.clean(&unsafe_html).to_string()
}

/// Makes links of the addresses (web and mail) in running text; in links and code they stay text.
fn linked<'a>(events: impl Iterator<Item = Event<'a>>) -> impl Iterator<Item = Event<'a>> {
    let mut outside = 0_usize;
    events.flat_map(move |event| {
        match &event {
            Event::Start(Tag::Link { .. } | Tag::CodeBlock(_)) => outside += 1,
            Event::End(TagEnd::Link | TagEnd::CodeBlock) => outside -= 1,
            Event::Text(text) if outside == 0 => return addresses(text),
            _ => {}
        }
        vec![event]
    })
}

fn addresses<'a>(text: &str) -> Vec<Event<'a>> {
    let mut events = Vec::new();
    for span in LinkFinder::new().spans(text) {
        let words = Event::Text(CowStr::from(span.as_str().to_owned()));
        let link_type = match span.kind() {
            Some(LinkKind::Url) => LinkType::Autolink,
            Some(LinkKind::Email) => LinkType::Email,
            _ => {
                events.push(words);
                continue;
            }
        };
        let dest_url = CowStr::from(span.as_str().to_owned());
        let link = Tag::Link { link_type, dest_url, title: CowStr::Borrowed(""), id: CowStr::Borrowed("") };
        events.extend([Event::Start(link), words, Event::End(TagEnd::Link)]);
    }
    events
}

/// Escapes text for HTML content and attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn lower(level: pulldown_cmark::HeadingLevel) -> pulldown_cmark::HeadingLevel {
    use pulldown_cmark::HeadingLevel::{H2, H3, H4, H5, H6};
    match level {
        pulldown_cmark::HeadingLevel::H1 => H2,
        H2 => H3,
        H3 => H4,
        H4 => H5,
        H5 | H6 => H6,
    }
}

/// The words without the markup, for search, mail text and titles.
pub fn plain(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    for event in Parser::new_ext(source, options()) {
        match event {
            Event::Text(words) | Event::Code(words) | Event::Html(words) | Event::InlineHtml(words) => text.push_str(&words),
            Event::SoftBreak | Event::HardBreak | Event::Rule => text.push('\n'),
            Event::End(TagEnd::TableCell) => text.push(' '),
            Event::End(
                TagEnd::Paragraph
                | TagEnd::Heading(_)
                | TagEnd::Item
                | TagEnd::CodeBlock
                | TagEnd::TableRow
                | TagEnd::TableHead
                | TagEnd::BlockQuote(_),
            ) if !text.ends_with('\n') => text.push('\n'),
            _ => {}
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// The first words, on one line, at most `limit` characters; an ellipsis when there is more.
pub fn excerpt(source: &str, limit: usize) -> String {
    let text = plain(source);
    let words = text.split_whitespace();
    let mut short = String::new();
    let mut count = 0;
    for word in words {
        let length = word.chars().count() + usize::from(!short.is_empty());
        if count + length > limit {
            if short.is_empty() {
                short = word.chars().take(limit).collect();
            }
            short.push('…');
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
        count += length;
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_markup_becomes_html() {
        let html = render("# Title\n\nHello *you*,\nsecond line\n\n| a | b |\n|---|---|\n| 1 | 2 |");
        assert!(html.contains("<h2>Title</h2>") && html.contains("<em>you</em>,<br>") && html.contains("<table>"), "{html}");
    }

    #[test]
    fn nothing_that_runs_or_loads_survives() {
        for attack in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt&#58;alert(1))",
            "![x](https://tracker.test/pixel.gif)",
            "<svg><style><img src=x onerror=alert(1)></style></svg>",
            "<a href=\"x\" style=\"color:red\" onclick=\"x()\" hx-get=\"/x\">y</a>",
            "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "<iframe srcdoc='<script>1</script>'></iframe>",
        ] {
            let html = render(attack);
            let lower = html.to_lowercase();
            for bad in ["<script", "<img", "<svg", "<iframe", "<style", "<math", "href=\"javascript", "href=\"data"] {
                assert!(!lower.contains(bad), "{attack} became {html}");
            }
            // An attribute could only stand inside a tag that we let through.
            let tags: String = lower.split('<').skip(1).filter_map(|part| part.split('>').next()).collect();
            for bad in ["onerror", "onclick", "style=", "hx-"] {
                assert!(!tags.contains(bad), "{attack} became {html}");
            }
        }
    }

    #[test]
    fn links_carry_rel() {
        assert!(render("[x](https://a.test)").contains("rel=\"noopener nofollow ugc\""));
    }

    #[test]
    fn addresses_that_are_just_written_are_links() {
        for (source, wanted) in [
            ("See https://a.test/x_y_z?b=1&c=2.", r#"<a href="https://a.test/x_y_z?b=1&amp;c=2""#),
            ("(http://a.test/(b))", r#"<a href="http://a.test/(b)""#),
            ("Write to help@a.test!", r#"<a href="mailto:help@a.test""#),
            ("<https://a.test>", r#"<a href="https://a.test""#),
        ] {
            let html = render(source);
            assert!(html.contains(wanted) && html.matches("<a ").count() == 1, "{source} became {html}");
            assert!(html.contains("rel=\"noopener nofollow ugc\""), "{html}");
        }
        for source in ["`https://a.test`", "```\nhttps://a.test\n```", "javascript:alert(1)", "a.test"] {
            assert!(!render(source).contains("<a "), "{source}");
        }
        assert_eq!(render("[https://b.test](https://a.test)").matches("<a ").count(), 1, "a link keeps its own address");
    }

    #[test]
    fn plain_text_has_no_markup() {
        assert_eq!(plain("# A\n\n- *b*\n- `c`\n\n[d](https://e.test)"), "A\nb\nc\nd");
        assert_eq!(excerpt("One two three four", 9), "One two…");
        assert_eq!(excerpt("Short", 9), "Short");
    }
}
