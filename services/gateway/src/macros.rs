//! Declarations that are read, described to OpenAPI and mapped to the contracts from one place: request bodies, query parameters, enumerations.

/// Declares a request body: a struct that is read by [`FromJson`] and described to OpenAPI.
#[macro_export]
macro_rules! json_body {
    ($(#[$meta:meta])* pub struct $name:ident { $( $(#[$field_meta:meta])* pub $field:ident : $type:ty ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, utoipa::ToSchema)]
        pub struct $name { $( $(#[$field_meta])* pub $field: $type ),* }

        impl $crate::input::FromJson for $name {
            fn from_json(
                value: serde_json::Value,
                path: &str,
                errors: &mut Vec<chassis::error::FieldError>,
            ) -> Option<Self> {
                #[allow(unused_mut)]
                let mut members = $crate::input::Members::open(value, path, errors)?;
                $( let $field: Option<$type> = members.take(stringify!($field), errors); )*
                members.close(errors);
                Some(Self { $( $field: $field? ),* })
            }
        }
    };
}

/// Declares the query parameters of a call; any other is 422.
#[macro_export]
macro_rules! query_params {
    ($(#[$meta:meta])* pub struct $name:ident { $( $(#[$field_meta:meta])* pub $field:ident : $type:ty ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, utoipa::IntoParams)]
        #[into_params(parameter_in = Query)]
        pub struct $name { $( $(#[$field_meta])* pub $field: $type ),* }

        impl $crate::extract::FromParams for $name {
            fn from_params(
                params: &mut $crate::extract::RawParams,
                errors: &mut Vec<chassis::error::FieldError>,
            ) -> Option<Self> {
                $( let $field: Option<$type> = params.take(stringify!($field), errors); )*
                Some(Self { $( $field: $field? ),* })
            }
        }
    };
}

/// Declares an enumeration of the JSON API: lower_snake_case on the wire, and its twin in a contract.
#[macro_export]
macro_rules! wire_enum {
    ($(#[$meta:meta])* pub enum $name:ident : $proto:ty { $( $(#[$variant_meta:meta])* $variant:ident = $wire:literal <=> $other:ident ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $( $(#[$variant_meta])* $variant ),* }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.wire())
            }
        }

        // Not derived: a derive does not see the words that this macro was given.
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .enum_values(Some([$( $wire ),*]))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl $name {
            /// The word on the wire.
            pub fn wire(self) -> &'static str {
                match self { $( Self::$variant => $wire ),* }
            }

            /// From the contract's number; `None` when it is unspecified or newer than this build.
            pub fn from_proto(number: i32) -> Option<Self> {
                match <$proto>::try_from(number).ok()? {
                    $( <$proto>::$other => Some(Self::$variant), )*
                    #[allow(unreachable_patterns)]
                    _ => None,
                }
            }

            /// The contract's value.
            pub fn to_proto(self) -> $proto {
                match self { $( Self::$variant => <$proto>::$other ),* }
            }

            fn read(text: &str, path: &str, errors: &mut Vec<chassis::error::FieldError>) -> Option<Self> {
                match text {
                    $( $wire => Some(Self::$variant), )*
                    _ => {
                        errors.push($crate::input::not_one_of(path, &[$( $wire ),*]));
                        None
                    }
                }
            }
        }

        impl $crate::input::FromJson for $name {
            fn from_json(value: serde_json::Value, path: &str, errors: &mut Vec<chassis::error::FieldError>) -> Option<Self> {
                let text = <String as $crate::input::FromJson>::from_json(value, path, errors)?;
                Self::read(&text, path, errors)
            }
        }

        impl $crate::input::FromText for $name {
            fn from_text(text: String, name: &str, errors: &mut Vec<chassis::error::FieldError>) -> Option<Self> {
                Self::read(&text, name, errors)
            }
        }
    };
}
