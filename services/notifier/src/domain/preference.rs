//! What a person wants to be told.

use std::collections::BTreeMap;

use super::delivery::Channel;
use super::kind::Kind;

/// A person's choice. What was never chosen is on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    off: Vec<(Channel, Kind)>,
}

/// A channel and kind that nobody can choose about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{channel}.{kind} can't be chosen")]
pub struct NoSuchChoice {
    /// `mail` or `bell`.
    pub channel: Channel,
    /// As the caller wrote it.
    pub kind: String,
}

impl Preferences {
    /// Reads a whole choice; kinds left out are on. Reports every key that is no choice.
    pub fn choose(mail: &BTreeMap<String, bool>, bell: &BTreeMap<String, bool>) -> Result<Self, Vec<NoSuchChoice>> {
        let mut off = Vec::new();
        let mut wrong = Vec::new();
        for (channel, choices) in [(Channel::Mail, mail), (Channel::Bell, bell)] {
            for (word, on) in choices {
                match word.parse::<Kind>() {
                    Ok(kind) if can_choose(channel, kind) => {
                        if !on {
                            off.push((channel, kind));
                        }
                    }
                    _ => wrong.push(NoSuchChoice { channel, kind: word.clone() }),
                }
            }
        }
        if wrong.is_empty() { Ok(Self { off }) } else { Err(wrong) }
    }

    /// From stored rows; what is no longer a choice is dropped.
    pub fn from_off(off: impl IntoIterator<Item = (Channel, Kind)>) -> Self {
        Self { off: off.into_iter().filter(|(channel, kind)| can_choose(*channel, *kind)).collect() }
    }

    /// What is switched off.
    pub fn off(&self) -> &[(Channel, Kind)] {
        &self.off
    }

    /// Whether this may be told over this channel.
    pub fn allows(&self, channel: Channel, kind: Kind) -> bool {
        !self.off.contains(&(channel, kind))
    }

    /// Every choice of a channel with its present value.
    pub fn all(&self, channel: Channel) -> BTreeMap<String, bool> {
        Kind::ALL
            .into_iter()
            .filter(|kind| can_choose(channel, *kind))
            .map(|kind| (kind.name().to_owned(), self.allows(channel, kind)))
            .collect()
    }
}

fn can_choose(channel: Channel, kind: Kind) -> bool {
    match channel {
        Channel::Mail => kind.mail_is_optional(),
        Channel::Bell => kind.rings(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(pairs: &[(&str, bool)]) -> BTreeMap<String, bool> {
        pairs.iter().map(|(key, on)| ((*key).to_owned(), *on)).collect()
    }

    #[test]
    fn what_was_never_chosen_is_on() {
        let defaults = Preferences::default();
        assert!(defaults.allows(Channel::Mail, Kind::TicketUpdate));
        assert!(defaults.all(Channel::Mail).values().all(|on| *on));
    }

    #[test]
    fn a_choice_is_kept_and_shown() {
        let chosen = Preferences::choose(&choice(&[("receipt", false), ("closed", true)]), &choice(&[("topic_post", false)])).unwrap();
        assert!(!chosen.allows(Channel::Mail, Kind::Receipt));
        assert!(chosen.allows(Channel::Mail, Kind::Closed));
        assert!(!chosen.allows(Channel::Bell, Kind::TopicPost));
        assert_eq!(chosen.all(Channel::Mail).get("receipt"), Some(&false));
    }

    #[test]
    fn a_password_mail_is_no_choice_and_every_wrong_key_is_named() {
        let wrong =
            Preferences::choose(&choice(&[("password_reset", false), ("nonsense", true)]), &choice(&[("receipt", false)])).unwrap_err();
        let named: Vec<String> = wrong.iter().map(|w| format!("{}.{}", w.channel, w.kind)).collect();
        assert_eq!(named, ["mail.nonsense", "mail.password_reset", "bell.receipt"]);
    }
}
