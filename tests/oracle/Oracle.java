import com.jayway.jsonpath.Configuration;
import com.jayway.jsonpath.JsonPath;
import com.jayway.jsonpath.PathNotFoundException;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.StringWriter;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import net.minidev.json.JSONStyle;
import net.minidev.json.JSONValue;
import net.minidev.json.parser.JSONParser;
import org.apache.commons.lang.StringEscapeUtils;
import org.apache.velocity.VelocityContext;
import org.apache.velocity.app.event.EventCartridge;
import org.apache.velocity.app.event.InvalidReferenceEventHandler;
import org.apache.velocity.context.Context;
import org.apache.velocity.runtime.RuntimeInstance;
import org.apache.velocity.runtime.log.NullLogChute;
import org.apache.velocity.util.introspection.Info;

/** Renders mapping templates with the Java originals, set up as API Gateway: one JSON object per line in and out. */
public final class Oracle {
    public static void main(String[] arguments) throws Exception {
        // Lines are plain ASCII both ways, so that lone surrogates survive and the platform's charset does not matter.
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, "US-ASCII");
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            answers.println(ascii(JSONValue.toJSONString(answer(line))));
        }
    }

    private static Map<String, Object> answer(String line) {
        try {
            JSONParser parser = new JSONParser(JSONParser.MODE_PERMISSIVE);
            return render(mapOf(parser.parse(line, JSONValue.defaultReader.DEFAULT_ORDERED)));
        } catch (StackOverflowError | Exception error) {
            Map<String, Object> failed = new LinkedHashMap<>();
            failed.put("error", error.toString());
            return failed;
        }
    }

    private static Map<String, Object> render(Map<String, Object> request) throws Exception {
        Map<String, Object> context = mapOf(request.get("context"));
        Overrides response = new Overrides();
        Overrides forwarded = new Overrides();
        response.put("header", new Overrides());
        for (String place : new String[] {"header", "path", "querystring"}) {
            forwarded.put(place, new Overrides());
        }
        context.put("responseOverride", response);
        context.put("requestOverride", forwarded);

        VelocityContext variables = new VelocityContext();
        variables.put("input", new Input(request));
        variables.put("util", new Util());
        variables.put("context", context);
        variables.put("stageVariables", mapOf(request.get("stageVariables")));
        EventCartridge cartridge = new EventCartridge();
        cartridge.addEventHandler(new EmptyReferences());
        cartridge.attachToContext(variables);
        StringWriter text = new StringWriter();
        // An engine of its own for each template, because it would remember the names of macros.
        engine().evaluate(variables, text, "template", (String) request.get("template"));

        Map<String, Object> rendered = new LinkedHashMap<>();
        rendered.put("text", text.toString());
        rendered.put("responseOverride", response);
        rendered.put("requestOverride", forwarded);
        return rendered;
    }

    /** Velocity without #evaluate and inline macros; the renderer's parser says where this has been observed. */
    private static RuntimeInstance engine() {
        RuntimeInstance engine = new RuntimeInstance();
        engine.setProperty("runtime.log.logsystem", new NullLogChute());
        engine.setProperty("velocimacro.permissions.allow.inline", false);
        engine.init();
        engine.removeDirective("evaluate");
        return engine;
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> mapOf(Object value) {
        Map<String, Object> copy = new LinkedHashMap<>();
        if (value != null) {
            copy.putAll((Map<String, Object>) value);
        }
        return copy;
    }

    private static String ascii(String text) {
        StringBuilder escaped = new StringBuilder();
        for (char unit : text.toCharArray()) {
            escaped.append(unit < 128 ? String.valueOf(unit) : String.format("\\u%04x", (int) unit));
        }
        return escaped.toString();
    }

    /** `$context.responseOverride` and the like: each entry may be set once. */
    @SuppressWarnings("serial")
    public static final class Overrides extends LinkedHashMap<String, Object> {
        @Override
        public Object put(String name, Object value) {
            if (containsKey(name)) {
                throw new IllegalStateException(name + " was overridden twice");
            }
            return super.put(name, value);
        }
    }

    /** What API Gateway does with a reference that has no value. */
    public static final class EmptyReferences implements InvalidReferenceEventHandler {
        public Object invalidGetMethod(Context c, String reference, Object object, String property, Info info) {
            return "";
        }

        public boolean invalidSetMethod(Context c, String left, String right, Info info) {
            return false;
        }

        public Object invalidMethod(Context c, String reference, Object object, String method, Info info) {
            return "";
        }
    }

    /** `$input`. */
    public static final class Input {
        private final String body;
        private final Map<String, Map<String, Object>> params = new LinkedHashMap<>();

        Input(Map<String, Object> request) {
            body = (String) request.get("body");
            for (String place : new String[] {"path", "querystring", "header"}) {
                params.put(place, mapOf(request.get(place)));
            }
        }

        public String getBody() {
            return body.isEmpty() ? "{}" : body;
        }

        public Map<String, Map<String, Object>> params() {
            return params;
        }

        public String params(String name) {
            for (Map<String, Object> place : params.values()) {
                if (place.containsKey(name)) {
                    return (String) place.get(name);
                }
            }
            return "";
        }

        public Object path(String path) {
            try {
                return read(path);
            } catch (PathNotFoundException missing) {
                return null;
            }
        }

        public String json(String path) {
            try {
                return JSONValue.toJSONString(read(path), JSONStyle.LT_COMPRESS);
            } catch (PathNotFoundException missing) {
                return "\"\"";
            }
        }

        private Object read(String path) {
            Object document = Configuration.defaultConfiguration().jsonProvider().parse(getBody());
            return JsonPath.read(document, path);
        }
    }

    /** `$util`. */
    public static final class Util {
        public String escapeJavaScript(Object value) {
            return value == null ? null : StringEscapeUtils.escapeJavaScript(value.toString());
        }

        public Object parseJson(String text) {
            return Configuration.defaultConfiguration().jsonProvider().parse(text);
        }

        public String urlEncode(String text) throws Exception {
            return URLEncoder.encode(text, "UTF-8");
        }

        public String urlDecode(String text) throws Exception {
            return URLDecoder.decode(text, "UTF-8");
        }

        public String base64Encode(String text) {
            return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
        }

        public String base64Decode(String text) {
            return new String(Base64.getDecoder().decode(text), StandardCharsets.UTF_8);
        }
    }
}
