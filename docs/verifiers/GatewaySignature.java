import java.io.ByteArrayOutputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Verifies the gateway's signature at a backend with the JDK alone (Java 8 or later).
 *
 * <pre>
 * String problem = GatewaySignature.verify(method, target, headers, body, keys);
 * </pre>
 *
 * Answer 403 and log the problem when there is one.
 */
public final class GatewaySignature {
    private static final String FORM = "application/x-www-form-urlencoded";
    private static final Pattern CHARSET = Pattern.compile("charset\\s*=\\s*[\"']?([\\w:.-]+)");

    private GatewaySignature() {}

    /**
     * Says why the signature is not the gateway's; null when it is.
     *
     * @param target path and query as received, not decoded: getRequestURI() and getQueryString()
     * @param headers values by name, as text that was read as ISO-8859-1 (servlets and
     *     com.sun.net.httpserver do so)
     * @param body as received; empty for none
     * @param keys secrets by name: old and new key while one is replaced
     */
    public static String verify(
            String method,
            String target,
            Map<String, List<String>> headers,
            byte[] body,
            Map<String, String> keys) {
        return verify(method, target, headers, body, keys, null, null);
    }

    /**
     * The same, and refuses what is older than {@code mostAge} by CaRequestHandleTime, which an API
     * may send in the header {@code timeHeader}.
     */
    public static String verify(
            String method,
            String target,
            Map<String, List<String>> headers,
            byte[] body,
            Map<String, String> keys,
            String timeHeader,
            Duration mostAge) {
        TreeMap<String, String> fields = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        TreeSet<String> repeated = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
        headers.forEach((name, values) -> {
            for (String value : values) {
                if (name != null && fields.putIfAbsent(name, value) != null) {
                    repeated.add(name);
                }
            }
        });
        String key = fields.get("X-Ca-Proxy-Signature-Secret-Key");
        String given = fields.getOrDefault("X-Ca-Proxy-Signature", fields.get("X-Ca-Signature"));
        if (given == null) {
            return "no X-Ca-Proxy-Signature";
        }
        if (key == null || !keys.containsKey(key)) {
            return "unknown key " + key;
        }
        TreeSet<String> listed = new TreeSet<>(); // sorted as spelled
        for (String name : fields.getOrDefault("X-Ca-Proxy-Signature-Headers", "").split(",")) {
            listed.add(name.trim());
        }
        for (String name : repeated) {
            if (name.equalsIgnoreCase("Content-Type")
                    || listed.stream().anyMatch(name::equalsIgnoreCase)) {
                return name + " was received twice"; // the gateway sends it once
            }
        }
        try {
            byte[] secret = keys.get(key).getBytes(StandardCharsets.UTF_8);
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(secret, "HmacSHA256"));
            String verb = method.toUpperCase(Locale.ROOT);
            byte[] computed = mac.doFinal(stringToSign(verb, target, fields, listed, body));
            byte[] expected = Base64.getEncoder().encode(computed);
            if (!MessageDigest.isEqual(expected, given.trim().getBytes(StandardCharsets.UTF_8))) {
                return "the signature differs";
            }
        } catch (GeneralSecurityException | IllegalArgumentException problem) {
            return "cannot be read: " + problem.getMessage();
        }
        if (timeHeader != null) { // leave this out if your API sends no CaRequestHandleTime
            if (listed.stream().noneMatch(timeHeader::equalsIgnoreCase)) {
                return timeHeader + " is not signed";
            }
            try {
                String sent = fields.getOrDefault(timeHeader, "");
                ZonedDateTime at = ZonedDateTime.parse(sent, DateTimeFormatter.RFC_1123_DATE_TIME);
                if (Duration.between(at.toInstant(), Instant.now()).abs().compareTo(mostAge) > 0) {
                    return timeHeader + " is too old";
                }
            } catch (DateTimeException problem) {
                return timeHeader + " is no time";
            }
        }
        return null;
    }

    /** METHOD LF Content-MD5 LF name:value LF ... path?k=v&amp;..., as bytes. */
    private static byte[] stringToSign(
            String method,
            String target,
            Map<String, String> fields,
            Set<String> listed,
            byte[] body)
            throws GeneralSecurityException {
        String contentType = fields.getOrDefault("Content-Type", "").toLowerCase(Locale.ROOT);
        boolean isForm = contentType.contains(FORM);
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        add(text, latin1(method + "\n"));
        if ((method.equals("POST") || method.equals("PUT")) && body.length > 0 && !isForm) {
            add(text, Base64.getEncoder().encode(MessageDigest.getInstance("MD5").digest(body)));
        }
        add(text, latin1("\n"));
        for (String name : listed) { // lower-cased only after they were sorted
            if (fields.containsKey(name)) { // a listed header that is missing is skipped
                add(text, latin1(name.toLowerCase(Locale.ROOT) + ":" + fields.get(name) + "\n"));
            }
        }

        if (!target.matches("[!-~]*")) {
            throw new IllegalArgumentException("the target is not as it was received");
        }
        int mark = target.indexOf('?');
        add(text, latin1(mark < 0 ? target : target.substring(0, mark)));
        TreeMap<String, String> values = new TreeMap<>();
        addValues(values, mark < 0 ? "" : target.substring(mark + 1), StandardCharsets.UTF_8);
        if (isForm) {
            Matcher charset = CHARSET.matcher(contentType);
            addValues(
                    values,
                    new String(body, StandardCharsets.ISO_8859_1),
                    charset.find() ? Charset.forName(charset.group(1)) : StandardCharsets.UTF_8);
        }
        List<String> items = new ArrayList<>();
        values.forEach((name, value) -> items.add(name + "=" + value));
        if (!items.isEmpty()) {
            add(text, ("?" + String.join("&", items)).getBytes(StandardCharsets.UTF_8));
        }
        return text.toByteArray();
    }

    /** The first value of a name counts; "k" and "k=" are the same. */
    private static void addValues(Map<String, String> values, String items, Charset charset) {
        for (String item : items.split("&")) {
            int equals = item.indexOf('=');
            String name = equals < 0 ? item : item.substring(0, equals);
            if (!name.isEmpty()) {
                String value = equals < 0 ? "" : item.substring(equals + 1);
                values.putIfAbsent(decoded(name, charset), decoded(value, charset));
            }
        }
    }

    private static String decoded(String raw, Charset charset) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int at = 0; at < raw.length(); at++) {
            char c = raw.charAt(at);
            boolean escape = c == '%' && at + 2 < raw.length();
            int high = escape ? Character.digit(raw.charAt(at + 1), 16) : -1;
            int low = escape ? Character.digit(raw.charAt(at + 2), 16) : -1;
            if (high >= 0 && low >= 0) {
                bytes.write(high * 16 + low);
                at += 2;
            } else {
                bytes.write(c == '+' ? ' ' : c);
            }
        }
        return new String(bytes.toByteArray(), charset);
    }

    /** The bytes of text that was read as ISO-8859-1. */
    private static byte[] latin1(String text) {
        if (!StandardCharsets.ISO_8859_1.newEncoder().canEncode(text)) {
            throw new IllegalArgumentException("a header was not read as ISO-8859-1");
        }
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static void add(ByteArrayOutputStream text, byte[] bytes) {
        text.write(bytes, 0, bytes.length);
    }
}
